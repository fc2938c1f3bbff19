import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { launchApp } from '../../src/host/launch-app.ts'
import { controlApi } from '../../src/http/control-api.ts'
import { createWorld, DEMO_APP } from '../../src/world.ts'
import { createDevice, type Device } from '../../src/wx/device.ts'
import { remoteLink } from '../../src/wx/link.ts'
import { createManualPhone } from '../manual-phone.ts'
import { writeApp } from './small-app.ts'

const { appid, secret } = DEMO_APP

/** A page with one button, whose handler keeps every `detail`. */
async function openPage(device: Device, button: string) {
  const folder = writeApp({
    'pages/home/home.js':
      'Page({ data: { details: [] }, got(e) { this.data.details.push({ type: e.type, ...e.detail }) } })',
    'pages/home/home.wxml': button,
  })
  const app = await launchApp({ folder, device, console: { log() {}, info() {}, warn() {}, error() {}, debug() {} } })
  const tap = async () => {
    await app.tap('#b')
    await app.settled()
    return app.page().data.details as Record<string, unknown>[]
  }
  return { app, tap }
}

const BUTTON = '<button id="b" open-type="getPhoneNumber" bindgetphonenumber="got">'

test('a tap gives the page a phone code that WeChat exchanges for the user’s number', async () => {
  const { device, world } = createManualPhone()
  const { app, tap } = await openPage(device, BUTTON)
  const [detail] = await tap()
  expect(detail).toEqual({
    type: 'getphonenumber',
    errMsg: 'getPhoneNumber:ok',
    code: expect.stringMatching(/^[\da-f]{64}$/),
    encryptedData: expect.any(String),
    iv: expect.any(String),
  })
  const { access_token } = world.stableToken({ appid, secret, grant_type: 'client_credential' })
  expect(
    world.phones.exchange({ access_token, code: detail?.code, openid: world.openid('alice', appid) }),
  ).toMatchObject(world.phones.get('alice'))
  expect(device.ledger.count('getPhoneNumber', { code: 'p1' })).toBe(1)
  await app.close()
})

test.each([
  [
    'the user refuses',
    ({ device }) => Object.assign(device.choices, { allow: false }),
    { errMsg: 'getPhoneNumber:fail user deny' },
  ],
  [
    'the quota is used up',
    ({ world }) => world.phones.setQuota(appid, 0),
    { errMsg: expect.stringMatching(/^getPhoneNumber:fail /), errno: 1400001 },
  ],
  [
    'the phone is offline',
    ({ device }) => device.network.setOnline(false),
    { errMsg: expect.stringContaining('ERR_INTERNET_DISCONNECTED'), errno: 600001 },
  ],
  [
    'the tester wants it to fail',
    ({ device }) => device.faults.set('getPhoneNumber', { errMsg: 'jsapi has no permission', errno: 102 }),
    { errMsg: 'getPhoneNumber:fail jsapi has no permission', errno: 102 },
  ],
] as [string, (phone: ReturnType<typeof createManualPhone>) => void, object][])(
  'the page is told why there is no code when %s',
  async (_why, arrange, expected) => {
    const phone = createManualPhone()
    const { app, tap } = await openPage(phone.device, BUTTON)
    arrange(phone)
    expect(await tap()).toEqual([{ type: 'getphonenumber', ...expected }])
    await app.close()
  },
)

test('the realtime button and a button that asks for the privacy agreement as well give a code', async () => {
  const { device } = createManualPhone()
  const both = '<button id="b" open-type="getPhoneNumber|agreePrivacyAuthorization" bindgetphonenumber="got">'
  const realtime = '<button id="b" open-type="getRealtimePhoneNumber" bindgetrealtimephonenumber="got">'
  for (const [button, type] of [
    [both, 'getphonenumber'],
    [realtime, 'getrealtimephonenumber'],
  ] as const) {
    const { app, tap } = await openPage(device, button)
    expect(await tap()).toContainEqual(expect.objectContaining({ type, code: expect.any(String) }))
    await app.close()
  }
})

test('a disabled button gives nothing', async () => {
  const { device } = createManualPhone()
  const { app, tap } = await openPage(device, BUTTON.replace('>', ' disabled>'))
  expect(await tap()).toEqual([])
  await app.close()
})

test.each(["''", '0', 'null', 'false'])(
  'a button whose disabled is {{%s}} takes a tap, as in WeChat',
  async (value) => {
    const { device } = createManualPhone()
    const { app, tap } = await openPage(device, BUTTON.replace('>', ` disabled="{{${value}}}">`))
    expect(await tap()).toHaveLength(1)
    await app.close()
  },
)

test('who closes the panel of avatars causes no event', async () => {
  const { device } = createManualPhone()
  const { app, tap } = await openPage(device, '<button id="b" open-type="chooseAvatar" bindchooseavatar="got">')
  device.choices.allow = false
  expect(await tap()).toEqual([])
  device.choices.allow = true
  expect(await tap()).toEqual([{ type: 'chooseavatar', avatarUrl: expect.stringMatching(/^wxfile:/) }])
  await app.close()
})

test('a phone in another process gets the code of the same world, under the same name in the ledger', async () => {
  const world = createWorld()
  const service = Fastify()
  await service.register(controlApi, { prefix: '/emulator', world })
  const origin = await service.listen({ host: '127.0.0.1', port: 0 })
  const device = createDevice({ link: remoteLink(`${origin}/emulator`), appid })
  const { app, tap } = await openPage(device, BUTTON)
  try {
    const [detail] = await tap()
    const { access_token } = world.token({ appid, secret, grant_type: 'client_credential' })
    expect(world.phones.exchange({ access_token, code: detail?.code })).toMatchObject(world.phones.get('alice'))
    expect(device.ledger.count('getPhoneNumber', { code: world.ledger.alias('phoneCode', String(detail?.code)) })).toBe(
      1,
    )
    world.phones.setQuota(appid, 0)
    expect((await tap()).at(-1)).toMatchObject({ errno: 1400001 })
  } finally {
    await app.close()
    await service.close()
  }
})

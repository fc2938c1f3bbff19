import { hash } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { controlApi } from '../../src/http/control-api.ts'
import { createWorld, DEMO_APP, type World } from '../../src/world.ts'
import { createDevice } from '../../src/wx/device.ts'
import { remoteLink } from '../../src/wx/link.ts'
import { outcomeOf } from '../manual-phone.ts'

const { appid, secret } = DEMO_APP
let world: World
let app: FastifyInstance

beforeEach(async () => {
  world = createWorld({ clock: createClock({ startMs: 1_000, running: false }) })
  app = Fastify({ forceCloseConnections: true })
  await app.register(controlApi, { prefix: '/emulator', world })
})
afterEach(() => app.close())

const post = (path: string, payload?: unknown) =>
  app.inject({
    method: 'POST',
    url: `/emulator${path}`,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(payload),
  })

test('wx-login answers what wx.login would give that user', async () => {
  const response = await post('/wx-login', { user: 'alice' })
  const { code } = response.json()
  expect(response.json()).toEqual({ appid, code })
  const session = world.code2Session({ appid, secret, js_code: code, grant_type: 'authorization_code' })
  expect(session.openid).toBe(world.openid('alice', appid))
})

test.each([
  ['/wx-login', {}, 'user must be a name of 1 to 64 characters'],
  ['/wx-login', { user: 'a'.repeat(65) }, 'user must be a name of 1 to 64 characters'],
  ['/wx-login', { user: 'alice', appid: 'wx1' }, 'invalid appid'],
  ['/wx-login', [], 'the body must be a JSON object'],
  ['/encrypt', { user: 'alice' }, 'data must be a JSON object'],
  ['/phone', { user: 'alice', number: '12' }, 'number must be 4 to 15 digits'],
  ['/phone-quota', { left: 'many' }, 'left must be a number of codes'],
  ['/phone-quota', { appid: 'wx1', left: 1 }, 'invalid appid'],
  ['/push-target', { url: 'nowhere' }, 'url must be an http address'],
  ['/push-target', { url: 'http://127.0.0.1/' }, 'token must be 3 to 32 letters and digits'],
  ['/push', { user: 'alice', event: 'party' }, 'event must be one of user_info_modified'],
  ['/push', { user: 'alice', event: 'user_info_modified' }, 'no address is set to push the messages'],
  ['/judge', { word: 'x', suggest: 'bad' }, 'suggest must be pass, review or risky'],
  ['/subscribe', { user: 'alice' }, 'templates must be an array'],
  ['/access-token/revoke', { appid: 5 }, 'appid must be a string'],
  ['/clock', { advanceMs: '5' }, 'advanceMs must be a number'],
  ['/clock', { advanceMs: -1 }, 'a clock only moves forward'],
  ['/clock', { advanceMs: 1e308 }, 'advanceMs must be from 0 to 31622400000'],
  ['/clock', { advanceMs: 31_622_400_001 }, 'advanceMs must be from 0 to 31622400000 '],
  ['/clock', { advanceMs: null }, 'advanceMs must be a number'],
  ['/faults', { point: 'nowhere', hang: true }, 'there is no fault point "nowhere"'],
  ['/faults', { point: 'jscode2session', explode: true }, 'a fault has no "explode"'],
])('POST %s %o is refused and told why', async (path, body, message) => {
  const response = await post(path, body)
  expect(response.statusCode).toBe(400)
  expect(response.json().error).toContain(message)
})

test('check-session tells whether the session key is alive', async () => {
  expect((await post('/check-session', { user: 'alice' })).json()).toEqual({ valid: false })
  await post('/wx-login', { user: 'alice' })
  expect((await post('/check-session', { user: 'alice' })).json()).toEqual({ valid: true })
})

test('user-info and encrypt give what the phone would get', async () => {
  const { code } = (await post('/wx-login', { user: 'alice' })).json()
  const { session_key } = world.code2Session({ appid, secret, js_code: code, grant_type: 'authorization_code' })
  const { rawData, signature } = (await post('/user-info', { user: 'alice' })).json()
  expect(hash('sha1', rawData + session_key)).toBe(signature)
  const encrypted = (await post('/encrypt', { user: 'alice', data: { steps: 5 } })).json()
  expect(encrypted).toEqual({ encryptedData: expect.any(String), iv: expect.stringMatching(/^.{22}==$/) })
})

test('phone-code gives what a tap on the button gives, of the number that /phone set', async () => {
  const phone = { phoneNumber: '+852 51234567', purePhoneNumber: '51234567', countryCode: '852' }
  expect((await post('/phone', { user: 'alice', number: '51234567', countryCode: '852' })).json()).toEqual(phone)
  expect((await post('/phone', { user: 'alice' })).json()).toEqual(phone)
  const { code, ...given } = (await post('/phone-code', { user: 'alice' })).json()
  expect(given).toEqual({ appid, encryptedData: expect.any(String), iv: expect.stringMatching(/^.{22}==$/) })
  const { access_token } = world.stableToken({ appid, secret, grant_type: 'client_credential' })
  expect(world.phones.exchange({ access_token, code })).toMatchObject(phone)
})

test('phone-quota ends the codes, and a phone elsewhere is told with the errno', async () => {
  expect((await post('/phone-quota', { left: 0 })).statusCode).toBe(200)
  const refused = await post('/phone-code', { user: 'alice' })
  expect([refused.statusCode, refused.json().errcode]).toEqual([400, 1400001])
})

test('push-target and push send an account event', async () => {
  const pushed: unknown[] = []
  const service = Fastify()
  service.post('/push', ({ body }) => {
    pushed.push(body)
    return 'success'
  })
  const url = `${await service.listen({ host: '127.0.0.1', port: 0 })}/push`
  try {
    await post('/push-target', { url, token: 'abc', aesKey: 'a'.repeat(43), encrypted: false })
    const event = { user: 'alice', event: 'user_authorization_revoke', revokeInfo: '8' }
    expect((await post('/push', event)).json()).toEqual({ taken: true, attempts: 1, statusCode: 200 })
    expect(pushed).toMatchObject([{ Event: 'user_authorization_revoke', RevokeInfo: '8', AppID: appid }])
    await post('/push-target', {})
    expect((await post('/push', event)).statusCode).toBe(400)
  } finally {
    await service.close()
  }
})

test('the clock moves on, and the ledger says so', async () => {
  expect((await post('/clock', { advanceMs: 500 })).json()).toEqual({ nowMs: 1_500 })
  expect(world.ledger.count('clock.advance', { clock: 'server', ms: 500 })).toBe(1)
})

test('the clock stops at the last moment a date can be, and keeps its time', async () => {
  const late = createWorld({ clock: createClock({ startMs: 8.64e15 - 1_000, running: false }) })
  const service = Fastify()
  await service.register(controlApi, { world: late })
  const response = await service.inject({ method: 'POST', url: '/clock', payload: { advanceMs: 2_000 } })
  expect(response.statusCode).toBe(400)
  expect(response.json().error).toContain('beyond what a date can be')
  expect(late.clock.now()).toBe(8.64e15 - 1_000)
})

test.each([
  ['localhost:3000', 200],
  ['127.0.0.1', 200],
  ['[::1]:80', 200],
  ['demo.localhost', 200],
  ['evil.example', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example:3000', 403],
  ['192.168.1.5', 403],
])('under the name %s the answer is %i', async (host, statusCode) => {
  const response = await app.inject({ url: '/emulator/world', headers: { host } })
  expect(response.statusCode).toBe(statusCode)
  if (statusCode === 403) expect(response.json().error).toContain('localhost, 127.0.0.1 or [::1]')
})

test('exposed, it answers under every name', async () => {
  const service = Fastify()
  await service.register(controlApi, { world, exposed: true })
  expect((await service.inject({ url: '/world', headers: { host: 'emulator.test' } })).statusCode).toBe(200)
})

test('the ledger is read from where one left off', async () => {
  for (const name of ['a', 'b', 'c']) world.login(name, appid)
  const { entries } = (await app.inject('/emulator/ledger?after=2')).json()
  expect(entries.map(({ user }: { user: string }) => user)).toEqual(['c'])
})

test('faults are switched on and off', async () => {
  await post('/faults', { point: 'jscode2session', errcode: 40029 })
  expect((await app.inject('/emulator/faults')).json()).toEqual({ jscode2session: { errcode: 40029 } })
  await app.inject({ method: 'DELETE', url: '/emulator/faults?point=jscode2session' })
  expect(world.faults.take('jscode2session')).toBeNull()
})

test('a phone in another process logs in over it, and both ledgers call the code the same', async () => {
  world.login('bob', appid)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const link = remoteLink(`${origin}/emulator`)
  expect(await link.appids()).toEqual([appid])

  const device = createDevice({ link, appid })
  const { code } = await outcomeOf<{ code: string }>(device.wx.login)
  expect(device.ledger.entries()).toMatchObject([{ side: 'device', event: 'wx.login', code: 'c2' }])
  expect(await link.entries?.()).toMatchObject([{ code: 'c1' }, { event: 'code.issued', user: 'alice', code: 'c2' }])
  expect(world.code2Session({ appid, secret, js_code: code, grant_type: 'authorization_code' })).toHaveProperty(
    'openid',
  )
  expect(await device.wx.checkSession()).toEqual({ errMsg: 'checkSession:ok' })
})

test('a link to where there is no emulator says so', async () => {
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  await expect(remoteLink(`${origin}/elsewhere`).appids()).rejects.toThrow(
    /there is no emulator at .*: \/world answered 404/,
  )
})

test('an app WeChat does not know is told as WeChat tells it, from afar too', async () => {
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const device = createDevice({ link: remoteLink(`${origin}/emulator`), appid: 'wx9' })
  await expect(outcomeOf(device.wx.login)).rejects.toEqual({
    errMsg: 'login:fail 系统错误，错误码：40013,invalid appid',
  })
})

test('a service that is gone looks like a network error to wx.login', async () => {
  const link = remoteLink('http://127.0.0.1:1/emulator')
  await expect(link.appids()).rejects.toThrow('cannot reach http://127.0.0.1:1/emulator')
  const device = createDevice({ link, appid })
  await expect(outcomeOf(device.wx.login)).rejects.toMatchObject({ errno: 600001 })
})

test('session-key/expire ends the life of a user’s session key', async () => {
  await post('/wx-login', { user: 'alice' })
  expect((await post('/session-key/expire', { user: 'alice' })).statusCode).toBe(200)
  expect((await post('/check-session', { user: 'alice' })).json()).toEqual({ valid: false })
})

test('the stream tells calls that begin and entries as they happen, and ends when the service closes', async () => {
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const response = await fetch(`${address}/emulator/ledger/stream`)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  await post('/wx-login', { user: 'alice' })
  world.ledger.begin({ side: 'wechat', event: 'jscode2session' })
  await app.close()
  const text = await response.text()
  expect(text).toContain('event: ended\ndata: {"side":"wechat","event":"code.issued"')
  expect(text).toContain('event: begun\ndata: {"side":"wechat","event":"jscode2session","call":1')
})

import { expect, test } from 'vitest'
import { DEMO_APP } from '../../src/world.ts'
import { createApi, OTHER_APP } from './api.ts'

const { appid } = DEMO_APP
const PATH = '/wxa/business/getuserphonenumber'

async function createShop() {
  const api = createApi()
  const access_token = await api.token()
  const exchange = (body: object | string, token = access_token) =>
    api.call('POST', `${PATH}?access_token=${token}`, body)
  return { ...api, exchange, access_token }
}

test('a phone code becomes the number of the user who tapped, in the shape WeChat documents', async () => {
  const { world, exchange } = await createShop()
  world.phones.set('alice', { number: '13800138000' })
  const { code } = world.phoneNumber('alice', appid)
  expect(await exchange({ code })).toEqual({
    errcode: 0,
    errmsg: 'ok',
    phone_info: {
      phoneNumber: '13800138000',
      purePhoneNumber: '13800138000',
      countryCode: '86',
      watermark: { timestamp: 1_700_000_000, appid },
    },
  })
})

test('a number from abroad carries its country code', async () => {
  const { world, exchange } = await createShop()
  world.phones.set('alice', { number: '51234567', countryCode: '852' })
  const { phone_info } = await exchange({ code: world.phoneNumber('alice', appid).code })
  expect(phone_info).toMatchObject({
    phoneNumber: '+852 51234567',
    purePhoneNumber: '51234567',
    countryCode: '852',
  })
})

test('a user has the same number for ever, another user another one, of a range no operator has', async () => {
  const { world } = await createShop()
  expect(world.phones.get('alice')).toEqual(world.phones.get('alice'))
  expect(world.phones.get('alice')).not.toEqual(world.phones.get('bob'))
  expect(world.phones.get('alice').phoneNumber).toMatch(/^120\d{8}$/)
})

test.each([
  ['an unknown code', async () => ({ body: { code: 'never-issued' } }), 40029],
  ['no code', async () => ({ body: {} }), 40029],
  ['a code that is no text', async () => ({ body: { code: 5 } }), 40029],
  ['a body that is no JSON', async () => ({ body: 'code=5' }), 47001],
  [
    'a login code',
    async ({ world }: Awaited<ReturnType<typeof createShop>>) => ({ body: world.login('alice', appid) }),
    40029,
  ],
  [
    'a code of another mini-program',
    async ({ world }: Awaited<ReturnType<typeof createShop>>) => ({
      body: { code: world.phoneNumber('alice', OTHER_APP.appid).code },
    }),
    40013,
  ],
  [
    'the openid of somebody else',
    async ({ world }: Awaited<ReturnType<typeof createShop>>) => ({
      body: { code: world.phoneNumber('alice', appid).code, openid: world.openid('bob', appid) },
    }),
    40003,
  ],
  [
    'an expired code',
    async ({ world }: Awaited<ReturnType<typeof createShop>>) => {
      const { code } = world.phoneNumber('alice', appid)
      world.advance(5 * 60_000)
      return { body: { code } }
    },
    40029,
  ],
  ['no access_token', async () => ({ body: { code: 'x' }, token: '' }), 41001],
  ['an unknown access_token', async () => ({ body: { code: 'x' }, token: 'nonsense' }), 40001],
  [
    'an expired access_token',
    async ({ world }: Awaited<ReturnType<typeof createShop>>) => {
      world.advance(2 * 60 * 60_000)
      return { body: { code: 'x' } }
    },
    42001,
  ],
])('%s is refused', async (_what, arrange, errcode) => {
  const shop = await createShop()
  const { body, token } = (await arrange(shop)) as { body: object | string; token?: string }
  expect(await shop.exchange(body, token)).toMatchObject({ errcode })
})

test('a code is accepted once, also by twenty who race', async () => {
  const { world, exchange } = await createShop()
  const { code } = world.phoneNumber('alice', appid)
  const answers = await Promise.all(Array.from({ length: 20 }, () => exchange({ code })))
  expect(answers.filter(({ errcode }) => errcode === 0)).toHaveLength(1)
  expect(answers.filter(({ errcode }) => errcode === 40029)).toHaveLength(19)
  expect(world.ledger.count('getuserphonenumber', { code: 'p1', errcode: 0 })).toBe(1)
})

test('the openid that fits lets the code pass, and a wrong one does not spend it', async () => {
  const { world, exchange } = await createShop()
  const { code } = world.phoneNumber('alice', appid)
  await exchange({ code, openid: world.openid('bob', appid) })
  expect(await exchange({ code, openid: world.openid('alice', appid) })).toMatchObject({ errcode: 0 })
})

test('the quota is counted when the phone gets the code, and a code that was paid for can be used', async () => {
  const { world, exchange } = await createShop()
  world.phones.setQuota(appid, 1)
  const { code } = world.phoneNumber('alice', appid)
  expect(() => world.phoneNumber('alice', appid)).toThrow(expect.objectContaining({ errcode: 1400001 }))
  expect(await exchange({ code })).toMatchObject({ errcode: 0 })
})

test('a quota that is set to 0 refuses codes that phones have, too, until it is lifted', async () => {
  const { world, exchange } = await createShop()
  const { code } = world.phoneNumber('alice', appid)
  world.phones.setQuota(appid, 0)
  expect(await exchange({ code })).toMatchObject({ errcode: 1400001 })
  world.phones.setQuota(appid, null)
  expect(await exchange({ code })).toMatchObject({ errcode: 0 })
})

test('a fault that is switched on for getuserphonenumber is answered, and leaves the phone code unspent', async () => {
  const { world, exchange } = await createShop()
  const { code } = world.phoneNumber('alice', appid)
  world.faults.set('getuserphonenumber', { errcode: -1, times: 1 })
  expect(await exchange({ code })).toMatchObject({ errcode: -1 })
  expect(await exchange({ code })).toMatchObject({ errcode: 0 })
})

test('neither phone code nor number reaches the ledger', async () => {
  const { world, exchange, access_token } = await createShop()
  world.phones.set('alice', { number: '13800138000' })
  const { code } = world.phoneNumber('alice', appid)
  await exchange({ code })
  const written = JSON.stringify(world.ledger.entries())
  for (const canary of [code, '13800138000', access_token]) expect(written).not.toContain(canary)
})

test.each([
  [{ number: '12' }, 'number must be 4 to 15 digits'],
  [{ number: '+8613800138000' }, 'number must be 4 to 15 digits'],
  [{ number: '13800138000', countryCode: '+86' }, 'countryCode must be 1 to 4 digits'],
])('a number that is none is refused: %o', async (phone, message) => {
  const { world } = await createShop()
  expect(() => world.phones.set('alice', phone)).toThrow(message)
})

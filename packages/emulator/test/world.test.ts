import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { createClock } from '../src/clock.ts'
import type { WechatError } from '../src/wechat-error.ts'
import { type Code2SessionParams, createWorld, DEMO_APP, type World, type WorldOptions } from '../src/world.ts'

const { appid, secret } = DEMO_APP
const MINUTE_MS = 60_000

function createStoppedWorld(options: WorldOptions = {}): World {
  return createWorld({ clock: createClock({ startMs: 1_700_000_000_000, running: false }), ...options })
}

function exchange(world: World, js_code: string, params: Code2SessionParams = {}) {
  return world.code2Session({ appid, secret, js_code, grant_type: 'authorization_code', ...params })
}

function errcodeOf(run: () => unknown): number | null {
  try {
    run()
    return null
  } catch (error) {
    return (error as WechatError).errcode
  }
}

test('a code becomes the openid and the session key of the user who got it', () => {
  const world = createStoppedWorld()
  const session = exchange(world, world.login('alice', appid).code)
  expect(session.openid).toMatch(/^o[\w-]{27}$/)
  expect(Buffer.from(session.session_key, 'base64')).toHaveLength(16)
  expect(session).not.toHaveProperty('unionid')
  expect(world.openid('alice', appid)).toBe(session.openid)
})

test('a code is accepted once', () => {
  const world = createStoppedWorld()
  const { code } = world.login('alice', appid)
  exchange(world, code)
  expect(errcodeOf(() => exchange(world, code))).toBe(40163)
})

test('a code lives for five minutes', () => {
  const world = createStoppedWorld()
  const early = world.login('alice', appid).code
  const late = world.login('alice', appid).code
  world.clock.advance(5 * MINUTE_MS - 1)
  expect(errcodeOf(() => exchange(world, early))).toBeNull()
  world.clock.advance(1)
  expect(errcodeOf(() => exchange(world, late))).toBe(40029)
})

test('a newer code does not spoil an older one', () => {
  const world = createStoppedWorld()
  const { code } = world.login('alice', appid)
  world.login('alice', appid)
  expect(errcodeOf(() => exchange(world, code))).toBeNull()
})

test('codes long expired are forgotten', () => {
  const world = createStoppedWorld()
  const { code } = world.login('alice', appid)
  exchange(world, code)
  world.clock.advance(10 * MINUTE_MS)
  world.login('alice', appid)
  expect(errcodeOf(() => exchange(world, code))).toBe(40029)
})

test.each([
  [40013, { appid: 'wx1111111111111111' }],
  [40125, { secret: 'wrong' }],
  [40029, { js_code: 'never-issued' }],
  [40002, { grant_type: 'client_credential' }],
  [40002, { grant_type: undefined }],
  [41002, { appid: '' }],
  [41004, { secret: undefined }],
  [41008, { js_code: undefined }],
])('an exchange is refused with %i for %o, and the code stays good', (errcode, params) => {
  const world = createStoppedWorld()
  const { code } = world.login('alice', appid)
  expect(errcodeOf(() => exchange(world, code, params))).toBe(errcode)
  expect(errcodeOf(() => exchange(world, code))).toBeNull()
})

test('a code of another app is refused', () => {
  const other = { appid: 'wx2222222222222222', secret: 'other' }
  const world = createStoppedWorld({ apps: [DEMO_APP, other] })
  const { code } = world.login('alice', appid)
  expect(errcodeOf(() => exchange(world, code, other))).toBe(40029)
})

test('a blocked user gets codes that are refused', () => {
  const world = createStoppedWorld()
  world.setBlocked('mallory', true)
  expect(errcodeOf(() => exchange(world, world.login('mallory', appid).code))).toBe(40226)
  world.setBlocked('mallory', false)
  expect(errcodeOf(() => exchange(world, world.login('mallory', appid).code))).toBeNull()
})

test('too many exchanges of one user in a minute are refused, other users are not', () => {
  const world = createStoppedWorld({ exchangesPerMinute: 2 })
  const attempt = (user: string) => errcodeOf(() => exchange(world, world.login(user, appid).code))
  expect([attempt('alice'), attempt('alice'), attempt('alice')]).toEqual([null, null, 45011])
  expect(attempt('bob')).toBeNull()
  world.clock.advance(MINUTE_MS)
  expect(attempt('alice')).toBeNull()
})

test('an openid differs by user and by app, and a new world gives the same one', () => {
  const apps = [DEMO_APP, { appid: 'wx2222222222222222', secret: 'other' }]
  const world = createStoppedWorld({ apps })
  const openids = apps.flatMap((app) => ['alice', 'bob'].map((user) => world.openid(user, app.appid)))
  expect(new Set(openids).size).toBe(4)
  expect(createStoppedWorld({ apps }).openid('alice', appid)).toBe(openids[0])
})

test('apps of one platform share a unionid, others have none', () => {
  const apps = [
    { appid: 'wx1', secret: 's', platform: 'company' },
    { appid: 'wx2', secret: 's', platform: 'company' },
    { appid: 'wx3', secret: 's', platform: 'rival' },
  ]
  const world = createStoppedWorld({ apps })
  const unionids = apps.map((app) => exchange(world, world.login('alice', app.appid).code, app).unionid)
  expect(unionids[0]).toMatch(/^o[\w-]{27}$/)
  expect(unionids[1]).toBe(unionids[0])
  expect(unionids[2]).not.toBe(unionids[0])
})

test('logins within the refresh period keep the session key, a later one replaces it', () => {
  const world = createStoppedWorld({ sessionKeyRefreshMs: MINUTE_MS })
  const key = () => exchange(world, world.login('alice', appid).code).session_key
  const first = key()
  world.clock.advance(MINUTE_MS - 1)
  expect(key()).toBe(first)
  world.clock.advance(1)
  expect(key()).not.toBe(first)
})

test('an exchange never replaces the session key', () => {
  const world = createStoppedWorld({ sessionKeyRefreshMs: MINUTE_MS })
  const [first, second] = [world.login('alice', appid), world.login('alice', appid)]
  const { session_key } = exchange(world, first.code)
  world.clock.advance(2 * MINUTE_MS)
  expect(exchange(world, second.code).session_key).toBe(session_key)
})

test('checkSession is about the key of the last login: alive until unused for its lifetime', () => {
  const world = createStoppedWorld({ sessionKeyTtlMs: 1_000 })
  expect(world.checkSession('alice', appid)).toBe(false)
  world.login('alice', appid)
  world.clock.advance(999)
  expect(world.checkSession('alice', appid)).toBe(true)
  world.clock.advance(1)
  expect(world.checkSession('alice', appid)).toBe(false)
})

test('an expired session key can be had on demand', () => {
  const world = createStoppedWorld()
  world.login('alice', appid)
  world.expireSessionKey('alice', appid)
  expect(world.checkSession('alice', appid)).toBe(false)
})

test('the ledger knows each code by its alias', () => {
  const world = createStoppedWorld()
  const { code } = world.login('alice', appid)
  expect(world.ledger.entries()).toMatchObject([{ event: 'code.issued', user: 'alice', code: 'c1' }])
  expect(JSON.stringify(world.ledger.entries())).not.toContain(code)
})

test("the access_token of one mini-program does not check the session key of another's user: 40003", () => {
  const other = { appid: 'wx1111111111111111', secret: 'other secret' }
  const world = createStoppedWorld({ apps: [DEMO_APP, other] })
  const { code } = world.login('alice', appid)
  const { openid, session_key } = exchange(world, code)
  const signature = createHmac('sha256', session_key).update('').digest('hex')
  const proof = { openid, signature, sig_method: 'hmac_sha256' }
  const tokenOf = (app: { appid: string; secret: string }) =>
    world.stableToken({ grant_type: 'client_credential', ...app }).access_token
  expect(() => world.checkSessionKey({ access_token: tokenOf(DEMO_APP), ...proof })).not.toThrow()
  for (const call of [world.checkSessionKey, world.resetSessionKey]) {
    expect(() => call({ access_token: tokenOf(other), ...proof })).toThrow(expect.objectContaining({ errcode: 40003 }))
  }
})

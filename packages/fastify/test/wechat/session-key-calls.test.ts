import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { createClock, createWorld, startWechat } from '@weapp-auth/emulator'
import type {} from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { createRedisAccessTokenStore, createSessionKeyVault, generateVaultKey } from '../../src/index.ts'
import {
  type AccessTokenStore,
  createAccessTokens,
  createMemoryAccessTokenStore,
} from '../../src/wechat/access-token.ts'
import { createAppSecrets } from '../../src/wechat/app-secrets.ts'
import { createWechatGateway } from '../../src/wechat/gateway.ts'
import { createSessionKeyCalls } from '../../src/wechat/session-key-calls.ts'
import { holdClock } from '../held-clock.ts'

const APPID = 'wx1'
const SECRET = 'test-secret'
const redisUrl = inject('redisUrl')

const STORES = {
  'in this process': () => {
    const store = createMemoryAccessTokenStore()
    return () => store
  },
  'in Redis': () => {
    const keyPrefix = `test-${randomUUID()}:`
    const keys = generateVaultKey()
    const clients: Redis[] = []
    onTestFinished(async () => {
      const found = (await clients[0]?.keys(`${keyPrefix}*`)) ?? []
      if (found.length > 0) await clients[0]?.del(found)
      for (const client of clients) client.disconnect()
    })
    return () => {
      const redis = new Redis(redisUrl ?? '')
      clients.push(redis)
      return createRedisAccessTokenStore({ redis, keyPrefix, vault: createSessionKeyVault({ keys }) })
    }
  },
} satisfies Record<string, () => () => AccessTokenStore>

async function setUp(open: () => AccessTokenStore = STORES['in this process']()) {
  const world = createWorld({ apps: [{ appid: APPID, secret: SECRET }] })
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const gateway = () =>
    createWechatGateway({
      apps: [{ appid: APPID, secrets: [SECRET] }],
      baseUrl: wechat.baseUrl,
      accessTokens: open(),
    })
  const signIn = async (user = 'alice') => {
    const { openid, sessionKey } = await gateway().code2Session(APPID, world.login(user, APPID).code)
    return { appid: APPID, openid, sessionKey }
  }
  const refreshes = (where = {}) => world.ledger.count('stable_token', where)
  return { world, baseUrl: wechat.baseUrl, gateway, signIn, refreshes }
}

function accessTokensFrom(baseUrl: string, store: AccessTokenStore) {
  const secrets = createAppSecrets({ apps: [{ appid: APPID, secrets: [SECRET] }], warn: () => {} })
  const tokens = createAccessTokens({ secrets, baseUrl, store })
  return { all: tokens, get: async (appid: string, refused?: string) => (await tokens.get(appid, refused)).value }
}

describe('the session_key', () => {
  it('a session_key is valid until WeChat has another one', async () => {
    const { world, gateway, signIn } = await setUp()
    const key = await signIn()
    expect(await gateway().isSessionKeyAlive(key)).toBe(true)
    expect(await gateway().isSessionKeyAlive({ ...key, sessionKey: randomBytes(16).toString('base64') })).toBe(false)
    world.expireSessionKey('alice', APPID)
    expect(await gateway().isSessionKeyAlive(key)).toBe(false)
    await signIn()
    expect(await gateway().isSessionKeyAlive(key)).toBe(false)
  })

  it('a session_key is replaced on request, and then the old one is invalid', async () => {
    const { gateway, signIn } = await setUp()
    const key = await signIn()
    const fresh = await gateway().resetSessionKey(key)
    expect(await gateway().isSessionKeyAlive({ ...key, sessionKey: fresh ?? '' })).toBe(true)
    expect(await gateway().isSessionKeyAlive(key)).toBe(false)
    expect(await gateway().resetSessionKey(key)).toBeNull()
  })

  it('a session_key that WeChat answers must have the form of one', async () => {
    const { world, gateway, signIn } = await setUp()
    const key = await signIn()
    world.faults.set('resetusersessionkey', { body: JSON.stringify({ errcode: 0, session_key: 'short' }) })
    await expect(gateway().resetSessionKey(key)).rejects.toMatchObject({
      code: 'wechat_bad_response',
      message: expect.stringContaining('success without a session_key'),
    })
  })

  it.each(['utf8', 'base64'] as const)(
    'a check of the session_key is signed with the key as %s',
    async (hmacKeyEncoding) => {
      const { world, baseUrl, signIn } = await setUp()
      const key = await signIn()
      const sent: unknown[] = []
      const check = world.checkSessionKey
      world.checkSessionKey = (params) => {
        sent.push(params.signature)
        check(params)
      }
      const accessTokens = accessTokensFrom(baseUrl, createMemoryAccessTokenStore())
      const calls = createSessionKeyCalls({ accessTokens: accessTokens.all, baseUrl, hmacKeyEncoding })
      expect(await calls.isSessionKeyAlive(key)).toBe(true)
      const hmacKey = Buffer.from(key.sessionKey, hmacKeyEncoding)
      expect(sent).toEqual([createHmac('sha256', hmacKey).update('').digest('hex')])
    },
  )

  it.each([
    [{ errcode: -1 }, 'wechat_busy'],
    [{ errcode: 45011 }, 'wechat_rate_limited'],
    [{ errcode: 87008 }, 'internal'],
    [{ status: 502 }, 'wechat_bad_response'],
    [{ body: '{}' }, 'wechat_bad_response'],
    [{ reset: true }, 'wechat_unreachable'],
  ] as const)('is of unknown life when WeChat answers %o', async (fault, code) => {
    const { world, gateway, signIn } = await setUp()
    const key = await signIn()
    for (const point of ['stable_token', 'checksession'] as const) {
      world.faults.set(point, fault)
      await expect(gateway().isSessionKeyAlive(key)).rejects.toMatchObject({ code })
      world.faults.clear()
    }
  })
})

it('the error of a check of the session_key tells the operator that WeChat sent no errcode', async () => {
  const { world, gateway, signIn } = await setUp()
  const key = await signIn()
  world.faults.set('checksession', { body: '{}' })
  await expect(gateway().isSessionKeyAlive(key)).rejects.toThrow('without an errcode')
})

describe('the access_token', () => {
  it('a sign-in needs no access_token', async () => {
    const { world, signIn, refreshes } = await setUp()
    world.faults.set('stable_token', { hang: true })
    await signIn()
    expect(refreshes()).toBe(0)
  })

  it('an access_token is fetched with the next appSecret where WeChat refuses the first', async () => {
    const { baseUrl, signIn } = await setUp()
    const gateway = createWechatGateway({ apps: [{ appid: APPID, secrets: ['old', SECRET] }], baseUrl })
    expect(await gateway.isSessionKeyAlive(await signIn())).toBe(true)
  })

  it('an access_token expires by the clock of the store that keeps it', async () => {
    const clock = createClock({ running: false })
    const store = createMemoryAccessTokenStore(clock.now)
    await store.save(APPID, { value: 't', ttlMs: 1_000 })
    clock.advance(999)
    expect(await store.find(APPID)).toEqual({ value: 't', ttlMs: 1 })
    clock.advance(1)
    expect(await store.find(APPID)).toBeNull()
  })

  it.each([
    ['two hours', 7_200, 6_900_000],
    ['ten minutes', 600, 300_000],
    ['345 seconds', 345, 172_500],
    ['a second', 1, 500],
  ])('an access_token that lasts %s is renewed before its end', async (_, expires_in, ttlMs) => {
    const saved: number[] = []
    const store = createMemoryAccessTokenStore()
    const { world, gateway, signIn } = await setUp(() => ({
      ...store,
      save: async (appid, token) => {
        saved.push(token.ttlMs)
        return store.save(appid, token)
      },
    }))
    const key = await signIn()
    world.faults.set('stable_token', { body: JSON.stringify({ access_token: 't', expires_in }) })
    await expect(gateway().isSessionKeyAlive(key)).rejects.toMatchObject({ code: 'wechat_misconfigured' })
    expect(saved[0]).toBe(ttlMs)
  })

  it.each([
    {},
    { access_token: '', expires_in: 7_200 },
    { access_token: ['t'], expires_in: 7_200 },
    { access_token: 't' },
    { access_token: 't', expires_in: '7200' },
    { access_token: 't', expires_in: 0 },
    { access_token: 't', expires_in: 1e300 },
    { access_token: 't', expires_in: Number.MAX_SAFE_INTEGER },
  ])('no access_token is taken from an answer with %j', async (body) => {
    const { world, baseUrl } = await setUp()
    world.faults.set('stable_token', { body: JSON.stringify(body) })
    const store = createMemoryAccessTokenStore()
    await expect(accessTokensFrom(baseUrl, store).get(APPID)).rejects.toMatchObject({
      code: 'wechat_bad_response',
      message: expect.stringMatching(/without an (access_token|end)$/),
    })
    expect(await store.find(APPID)).toBeNull()
  })

  it('an access_token is fetched once for all calls of a process that wait for it', async () => {
    const { baseUrl } = await setUp()
    let leases = 0
    const memory = createMemoryAccessTokenStore()
    const store: AccessTokenStore = {
      ...memory,
      lease: (...args) => {
        leases++
        return memory.lease(...args)
      },
    }
    const tokens = accessTokensFrom(baseUrl, store)
    const got = await Promise.all(Array.from({ length: 10 }, () => tokens.get(APPID)))
    expect([new Set(got).size, leases]).toEqual([1, 1])
  })

  it('an access_token that another process brought between the last look and the lease is not fetched again', async () => {
    const { baseUrl, refreshes } = await setUp()
    const looks = [null, { value: 'brought', ttlMs: 1_000 }]
    const store = { ...createMemoryAccessTokenStore(), find: async () => looks.shift() ?? null }
    expect(await accessTokensFrom(baseUrl, store).get(APPID)).toBe('brought')
    expect(refreshes()).toBe(0)
  })

  it('each call waits for an access_token until its own deadline, and not until that of the call that fetches it', async () => {
    const { world, baseUrl, refreshes } = await setUp()
    const tokens = accessTokensFrom(baseUrl, createMemoryAccessTokenStore())
    world.faults.set('stable_token', { hang: true })
    const clock = holdClock()
    const first = tokens.get(APPID)
    first.catch(() => {})
    await clock.until(() => refreshes() === 1)
    await clock.advance(4_000)
    const joined = tokens.get(APPID)
    world.faults.clear()
    await clock.advance(1_000)
    await expect(first).rejects.toMatchObject({ code: 'wechat_timeout' })
    expect(await joined).toEqual(expect.any(String))
    expect(refreshes()).toBe(2)
  })

  it('an access_token that WeChat has just refused for a call is not given to this call again', async () => {
    const { world, baseUrl, refreshes } = await setUp()
    const tokens = accessTokensFrom(baseUrl, createMemoryAccessTokenStore())
    const refused = await tokens.get(APPID)
    world.revokeAccessToken(APPID)
    const [first, second] = await Promise.all([tokens.get(APPID, 'an older one'), tokens.get(APPID, refused)])
    expect([first, second]).toEqual([refused, expect.not.stringContaining(refused)])
    expect(refreshes()).toBe(2)
  })

  it('a call waits for an access_token until its deadline when no process brings one', async () => {
    const { world, baseUrl, gateway, signIn, refreshes } = await setUp()
    const key = await signIn()
    world.faults.set('stable_token', { hang: true })
    // Here the refusal of a token takes most of the time, and another token would take as long again.
    const late = await setUp()
    const lateKey = await late.signIn()
    await late.gateway().isSessionKeyAlive(lateKey)
    late.world.faults.set('checksession', { errcode: 40001, delayMs: 4_000 })
    late.world.faults.set('stable_token', { hang: true })
    const neverOurs = { ...createMemoryAccessTokenStore(), lease: async () => false }
    const clock = holdClock()
    let settled = 0
    const calls = [
      late.gateway().isSessionKeyAlive(lateKey),
      ...[gateway(), gateway()].map((each) => each.isSessionKeyAlive(key)),
      accessTokensFrom(baseUrl, neverOurs).get(APPID),
    ].map((call) => (call as Promise<unknown>).finally(() => settled++))
    const results = Promise.allSettled(calls)
    await clock.until(() => refreshes() === 1)
    await clock.advance(4_000)
    await clock.until(() => {
      late.world.clock.advance(1_000)
      return late.refreshes() === 2
    })
    await clock.advance(999)
    expect(settled).toBe(0)
    await clock.advance(1)
    for (const result of await results) expect(result).toMatchObject({ reason: { code: 'wechat_timeout' } })
  })
})

describe.each(Object.entries(STORES))('access_tokens %s', (where, open) => {
  const available = where === 'in this process' || redisUrl !== null

  it.skipIf(!available)(
    'an access_token is fetched once for 30 calls of three instances at the same time',
    async () => {
      const { world, gateway, signIn, refreshes } = await setUp(open())
      const key = await signIn()
      world.faults.set('stable_token', { delayMs: 200 })
      const gateways = [gateway(), gateway(), gateway()]
      const calls = Array.from({ length: 10 }, () => gateways.map((each) => each.isSessionKeyAlive(key))).flat()
      expect(await Promise.all(calls)).toEqual(calls.map(() => true))
      expect(refreshes()).toBe(1)
    },
  )

  it.skipIf(!available)('an access_token that WeChat refuses is refreshed once, by one instance', async () => {
    const { world, gateway, signIn, refreshes } = await setUp(open())
    const key = await signIn()
    const gateways = [gateway(), gateway(), gateway()]
    await Promise.all(gateways.map((each) => each.isSessionKeyAlive(key)))
    world.revokeAccessToken(APPID)
    const calls = Array.from({ length: 10 }, () => gateways.map((each) => each.isSessionKeyAlive(key))).flat()
    expect(await Promise.all(calls)).toEqual(calls.map(() => true))
    expect(refreshes()).toBe(2)
    expect(refreshes({ forced: true })).toBe(0)
  })

  it.skipIf(!available)('an access_token that WeChat hands out but refuses is fetched with force_refresh', async () => {
    const { world, gateway, signIn, refreshes } = await setUp(open())
    const key = await signIn()
    world.faults.set('checksession', { errcode: 40001, times: 1 })
    expect(await gateway().isSessionKeyAlive(key)).toBe(true)
    expect([refreshes({ forced: undefined }), refreshes({ forced: true })]).toEqual([2, 1])
  })

  it.skipIf(!available)(
    'a fetch with force_refresh that does not help is made once, however many calls follow',
    async () => {
      const { world, gateway, signIn, refreshes } = await setUp(open())
      const key = await signIn()
      const gateways = [gateway(), gateway(), gateway()]
      world.faults.set('checksession', { errcode: 40001 })
      for (let i = 0; i < 3; i++) {
        for (const each of gateways) {
          await expect(each.isSessionKeyAlive(key)).rejects.toMatchObject({ code: 'wechat_misconfigured' })
        }
      }
      expect(refreshes({ forced: true })).toBe(1)
      world.faults.clear()
      expect(await gateways[0]?.isSessionKeyAlive(key)).toBe(true)
      // Another token that dies is another matter.
      world.revokeAccessToken(APPID)
      expect(await gateways[1]?.isSessionKeyAlive(key)).toBe(true)
      world.faults.set('checksession', { errcode: 40001, times: 1 })
      expect(await gateways[2]?.isSessionKeyAlive(key)).toBe(true)
      expect(refreshes({ forced: true })).toBe(2)
    },
  )

  it.skipIf(!available)('a fetch with force_refresh that fails is made once, however many calls follow', async () => {
    const { world, gateway, signIn } = await setUp(open())
    const key = await signIn()
    world.faults.set('checksession', { errcode: 40001 })
    const stableToken = world.stableToken
    let forced = 0
    world.stableToken = (params) => {
      if (params.force_refresh !== true) return stableToken(params)
      forced += 1
      throw new Error('an answer with status 500')
    }
    await expect(gateway().isSessionKeyAlive(key)).rejects.toMatchObject({ code: 'wechat_bad_response' })
    await expect(gateway().isSessionKeyAlive(key)).rejects.toMatchObject({ code: 'wechat_misconfigured' })
    expect(forced).toBe(1)
  })

  it.skipIf(!available)('the access_tokens of two mini-programs are kept apart', async () => {
    const apps = [APPID, 'wx2'].map((appid) => ({ appid, secret: SECRET }))
    const world = createWorld({ apps })
    const { baseUrl, close } = await startWechat(world)
    onTestFinished(() => close())
    const openStore = open()
    const secrets = createAppSecrets({ apps: apps.map(({ appid }) => ({ appid, secrets: [SECRET] })), warn: () => {} })
    const expected = apps.map(({ appid, secret }) => {
      return world.stableToken({ grant_type: 'client_credential', appid, secret }).access_token
    })
    for (let i = 0; i < 2; i++) {
      const tokens = createAccessTokens({ secrets, baseUrl, store: openStore() })
      const got = await Promise.all(apps.map(({ appid }) => tokens.get(appid)))
      expect(got.map(({ value }) => value)).toEqual(expected)
    }
    expect(world.ledger.count('stable_token')).toBe(2)
  })

  it.skipIf(!available)('an access_token is refreshed under a lease that only its holder can give back', async () => {
    const store = open()()
    expect(await store.lease(APPID, 'a', 60_000)).toBe(true)
    expect(await store.lease('wx2', 'b', 60_000)).toBe(true)
    expect(await store.lease(APPID, 'b', 60_000)).toBe(false)
    await store.release(APPID, 'b')
    expect(await store.lease(APPID, 'b', 60_000)).toBe(false)
    await store.release(APPID, 'a')
    expect(await store.lease(APPID, 'b', 60_000)).toBe(true)
  })

  it.skipIf(!available)(
    'a lease that is not given back ends by itself, as after the process that held it died',
    async () => {
      const store = open()()
      expect(await store.lease(APPID, 'a', 50)).toBe(true)
      await vi.waitFor(async () => expect(await store.lease(APPID, 'b', 60_000)).toBe(true))
      expect(await store.lease(APPID, 'a', 50)).toBe(false)
    },
  )

  it.skipIf(!available)('a forced refresh is remembered for the time of the pause', async () => {
    const store = open()()
    await store.saveForced(APPID, 'digest', 50)
    expect([await store.findForced(APPID), await store.findForced('wx2')]).toEqual(['digest', null])
    await vi.waitFor(async () => expect(await store.findForced(APPID)).toBeNull())
  })

  it.skipIf(!available)('an access_token is fetched by the next process when the first one fails', async () => {
    const { world, gateway, signIn, refreshes } = await setUp(open())
    const key = await signIn()
    world.faults.set('stable_token', { errcode: -1, times: 1 })
    await expect(gateway().isSessionKeyAlive(key)).rejects.toMatchObject({ code: 'wechat_busy' })
    expect(await gateway().isSessionKeyAlive(key)).toBe(true)
    expect(refreshes()).toBe(2)
  })
})

describe.skipIf(redisUrl === null)('in Redis', () => {
  it('an access_token is sealed: its text cannot be read in Redis', async () => {
    const keyPrefix = `test-${randomUUID()}:`
    const redis = new Redis(redisUrl ?? '')
    onTestFinished(async () => {
      await redis.del(`${keyPrefix}t:${APPID}`)
      redis.disconnect()
    })
    const through = (keys: string) =>
      createRedisAccessTokenStore({ redis, keyPrefix, vault: createSessionKeyVault({ keys }) })
    const keys = generateVaultKey()
    await through(keys).save(APPID, { value: 'canary-token', ttlMs: 60_000 })
    expect(await through(keys).find(APPID)).toMatchObject({ value: 'canary-token' })
    expect(await redis.get(`${keyPrefix}t:${APPID}`)).not.toContain('canary')
    expect(await redis.pttl(`${keyPrefix}t:${APPID}`)).toBeGreaterThan(50_000)
    await redis.persist(`${keyPrefix}t:${APPID}`)
    expect(await through(keys).find(APPID), 'without an end').toBeNull()
    await through(keys).save(APPID, { value: 'canary-token', ttlMs: 60_000 })
    expect(await through(generateVaultKey()).find(APPID)).toBeNull()
  })

  it('a store that is away is store_unavailable', async () => {
    const redis = new Redis({ lazyConnect: true, enableOfflineQueue: false, port: 1, retryStrategy: () => null })
    redis.on('error', () => {})
    const store = createRedisAccessTokenStore({ redis, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
    await expect(store.find(APPID)).rejects.toMatchObject({ code: 'store_unavailable', retryAfterSeconds: 1 })
  })
})

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { RevocationReason } from '@weapp-auth/shared'
import type {} from '@weapp-auth/test-servers'
import { startRedis } from '@weapp-auth/test-servers'
import { Cluster, Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { createRedisSessionStore } from '../../src/index.ts'
import { MESSAGE_CLAIM_MS, MESSAGE_IN_PROGRESS_MS } from '../../src/sessions/session-store.ts'
import { createSessions, type Sessions } from '../../src/sessions/sessions.ts'
import { bucketOf } from '../../src/sessions/token.ts'
import { whileSlotsMove } from './moving-slots.ts'
import { sessionStoreContract } from './session-store.contract.ts'

const url = inject('redisUrl')

const moment = () => ({ nowMs: Date.now(), idleMs: 60_000 })

/** A store of its own among whatever else lies in that Redis. */
async function open() {
  const redis = new Redis(url ?? '', { lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 1 })
  redis.on('error', () => {})
  await redis.connect()
  const keyPrefix = `test-${randomUUID()}:`
  const store = createRedisSessionStore({ redis, keyPrefix })
  /** All but the mark that says whose they are. */
  const keys = async () => (await redis.keys(`${keyPrefix}*`)).filter((key) => key !== `${keyPrefix}world`)
  let isDown = false
  onTestFinished(async () => {
    await store.close()
    if (isDown) return
    const left = await redis.keys(`${keyPrefix}*`)
    if (left.length > 0) await redis.del(left)
    redis.disconnect()
  })
  return {
    redis,
    store,
    keyPrefix,
    keys,
    breakDown: async () => {
      isDown = true
      redis.disconnect()
    },
    sessions: createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now }),
  }
}

describe.skipIf(url === null)('sessions in Redis while their slot moves', () => {
  sessionStoreContract(async () => {
    const { redis, keyPrefix, breakDown } = await open()
    const store = createRedisSessionStore({ redis: whileSlotsMove(redis), keyPrefix })
    onTestFinished(() => store.close())
    return { store, breakDown }
  })

  it('an ended session stays ended when the command that made it is sent again while its slot moves', async () => {
    const { redis, keyPrefix } = await open()
    const store = createRedisSessionStore({ redis: whileSlotsMove(redis), keyPrefix })
    const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
    const { session, token } = await sessions.issue('user', { appid: 'wx1' })
    await sessions.revokeAll('user', 'admin')
    const again = store.create(session, { ...moment(), expiresAtMs: session.expiresAtMs })
    await expect(again).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked' })
  })
})

describe.skipIf(url === null)('sessions in Redis', () => {
  sessionStoreContract(open)

  it('a session in Redis is a short string with a lifetime, and all keys of one user lie on one slot', async () => {
    const { redis, sessions, keyPrefix, keys } = await open()
    const { token, session } = await sessions.issue('user', { appid: 'wx1' })
    const bucket = token.split('.')[1]
    const key = `${keyPrefix}{${bucket}}:${session.id}`
    expect((await keys()).sort()).toEqual([key, `${keyPrefix}u{${bucket}}:user`].sort())
    expect(JSON.parse((await redis.get(key)) ?? '')).toEqual({ u: 'user', a: 'wx1', c: session.createdAtMs })
    for (const each of await keys()) {
      const ttlMs = await redis.pttl(each)
      expect(ttlMs).toBeGreaterThan(59_000)
      expect(ttlMs).toBeLessThanOrEqual(60_000)
    }
  })

  it('a sign-in asks Redis twice: for the claim, then to make the session and settle the code at the same time', async () => {
    const { redis, store } = await open()
    const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, limit: 20, now: Date.now })
    /** The commands that were sent together, before the answer to any of them could arrive. */
    const trips: string[][] = []
    let isSameTrip = false
    const { sendCommand } = redis
    redis.sendCommand = function (command, ...rest) {
      if (!isSameTrip) {
        trips.push([])
        setImmediate(() => {
          isSameTrip = false
        })
      }
      isSameTrip = true
      trips.at(-1)?.push(command.name)
      return Reflect.apply(sendCommand, this, [command, ...rest])
    }
    const signIn = (code: string) =>
      sessions.spendCode('wx1', code, (claimed) => sessions.issue('alice', { appid: 'wx1', code: claimed }))
    // The first one also asks whose keys these are, and sends the text of the script.
    await signIn('first')
    trips.length = 0
    await signIn('second')
    expect(trips).toEqual([['set'], ['set', 'evalsha']])
  })

  it('a session leaves no key without a lifetime in Redis, however it ended', async () => {
    const { redis, sessions, keys } = await open()
    const { session } = await sessions.issue('user', { appid: 'wx1' })
    await sessions.issue('user', { appid: 'wx1' })
    await sessions.issue('user', { appid: 'wx1' })
    await sessions.spendCode('wx1', 'code', async () => {})
    await sessions.revoke('user', session.id, 'signed_out')
    await sessions.revokeAll('user', 'admin', { except: 'none' })
    await sessions.issue('another', { appid: 'wx1' })
    await sessions.setExternalId('another', 'e1')
    const all = await keys()
    expect(all).toHaveLength(7)
    for (const key of all) expect(await redis.pttl(key)).toBeGreaterThan(0)
  })

  it('the key of a session is never the key of an index, whatever id a caller sends', async () => {
    const { sessions, keyPrefix, keys } = await open()
    const { session } = await sessions.issue('user', { appid: 'wx1' })
    const start = `${keyPrefix}{${bucketOf('user')}}:`
    const index = (await keys()).find((key) => !key.endsWith(session.id)) ?? ''
    for (const id of ['u:user', index.slice(start.length)]) {
      expect(await sessions.revoke('user', id, 'signed_out')).toBe(false)
    }
    expect(await sessions.list('user')).toHaveLength(1)
  })

  it('the next sign-in takes sessions that have expired off the index', async () => {
    const { redis, sessions, keyPrefix, keys } = await open()
    const { token, session } = await sessions.issue('user', { appid: 'wx1' })
    const bucket = token.split('.')[1]
    const index = `${keyPrefix}u{${bucket}}:user`
    await redis.del(`${keyPrefix}{${bucket}}:${session.id}`)
    await redis.zadd(index, Date.now() - 1, session.id)
    await sessions.issue('user', { appid: 'wx1' })
    expect(await redis.zcard(index)).toBe(1)
    expect(await keys()).toHaveLength(2)
  })

  it('sessions stay on the index when a process whose clock is fast signs somebody in', async () => {
    const { store, sessions } = await open()
    const { token } = await sessions.issue('user', { appid: 'wx1' })
    const fast = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: () => Date.now() + 3_600_000 })
    await fast.issue('user', { appid: 'wx1' })
    expect(await sessions.revokeAll('user', 'admin')).toBe(2)
    await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked' })
  })

  it('a session can be ended after its index was evicted', async () => {
    const { redis, sessions, keyPrefix } = await open()
    const { token, session } = await sessions.issue('user', { appid: 'wx1' })
    await redis.del(`${keyPrefix}u{${token.split('.')[1]}}:user`)
    expect(await sessions.revoke('user', session.id, 'signed_out')).toBe(true)
    await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'signed_out' })
  })

  it('sessions work on after the server has forgotten the scripts', async () => {
    const { redis, sessions } = await open()
    await sessions.issue('user', { appid: 'wx1' })
    await redis.script('FLUSH')
    const { token } = await sessions.issue('user', { appid: 'wx1' })
    expect(await sessions.get(token)).toMatchObject({ userId: 'user' })
  })

  it('an ended session stays ended when the command that made it is sent again', async () => {
    const { store, sessions } = await open()
    const { session, token } = await sessions.issue('user', { appid: 'wx1' })
    await sessions.revokeAll('user', 'admin')
    // Null would say that the user was changed, and a sign-in would begin again.
    expect(await store.create(session, { ...moment(), expiresAtMs: session.expiresAtMs })).toEqual([])
    await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked' })
    expect(await store.list('user', moment())).toEqual([])
  })

  it('a login code stays claimed for ten minutes, whether it was exchanged or not', async () => {
    const { redis, store, sessions, keys } = await open()
    await sessions.spendCode('wx1', 'code', async () => {})
    await store.claimCode('digest', Date.now())
    const lives = await Promise.all((await keys()).map((key) => redis.pttl(key)))
    expect(lives).toHaveLength(2)
    for (const ttlMs of lives) expect([ttlMs > 570_000, ttlMs <= 600_000]).toEqual([true, true])
  })

  it('a message stays claimed for five seconds, and for ten minutes after it was handled', async () => {
    const { redis, store, keys } = await open()
    const lifetime = async () => redis.pttl((await keys())[0] ?? '')
    await store.claimMessage('digest', 'claimant', Date.now())
    const inProgressMs = await lifetime()
    await store.settleMessage('digest', Date.now())
    const usedMs = await lifetime()
    expect([inProgressMs > 0, inProgressMs <= MESSAGE_IN_PROGRESS_MS]).toEqual([true, true])
    expect([usedMs > MESSAGE_IN_PROGRESS_MS, usedMs <= MESSAGE_CLAIM_MS]).toEqual([true, true])
  })

  it('a caller whose answer was lost with its connection still has the claim on its login code or message', async () => {
    const { keyPrefix } = await open()
    const { redis, loseNextAnswer } = await connectLossy()
    const store = createRedisSessionStore({ redis, keyPrefix })
    await store.claimCode('another', Date.now())
    loseNextAnswer()
    expect(await store.claimCode('digest', Date.now())).toBe('claimed')
    expect(await store.claimCode('digest', Date.now())).toBe('in_progress')
    loseNextAnswer()
    expect(await store.claimMessage('digest', 'claimant', Date.now())).toBe('claimed')
  })

  it('a session that one process ends is over in the cache of another process, which asks Redis each time while messages cannot arrive', async () => {
    const { redis, sessions, keyPrefix } = await open()
    const name = randomUUID()
    const far = redis.duplicate({ connectionName: name })
    await far.connect()
    const store = createRedisSessionStore({ redis: far, keyPrefix, cacheMs: 60_000 })
    onTestFinished(async () => {
      await store.close()
      far.disconnect()
    })
    const elsewhere = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
    const { session, token } = await sessions.issue('user', { appid: 'wx1' })
    const asked = vi.spyOn(far, 'mget')
    const isCached = async () => {
      await elsewhere.get(token)
      asked.mockClear()
      await elsewhere.get(token)
      return asked.mock.calls.length === 0
    }
    await vi.waitFor(async () => expect(await isCached()).toBe(true))
    const clients = String(await redis.client('LIST')).split('\n')
    const deaf = clients.filter((line) => line.includes(`name=${name}`) && !line.includes(' sub=0'))
    for (const line of deaf) await redis.client('KILL', 'ID', /^id=(\d+)/.exec(line)?.[1] ?? '')
    expect(deaf).toHaveLength(1)
    await vi.waitFor(async () => expect(await isCached()).toBe(false), { interval: 5 })
    await vi.waitFor(async () => expect(await isCached()).toBe(true))
    await sessions.revoke('user', session.id, 'admin')
    await vi.waitFor(() => expect(elsewhere.get(token)).rejects.toMatchObject({ reason: 'admin' }), { interval: 1 })
  })

  it.each<[RevocationReason, (sessions: Sessions, token: string) => Promise<unknown>]>([
    ['erased', (sessions) => sessions.revokeAll('user', 'erased')],
    ['limit', (sessions) => sessions.issue('user', { appid: 'wx1' })],
    ['replaced', (sessions, token) => sessions.issue('user', { appid: 'wx1', replaces: token })],
  ])('a session that ended with the reason %s is over in the cache of another process', async (reason, end) => {
    const { redis, keyPrefix } = await open()
    const [near, far] = [0, 60_000].map((cacheMs) => createRedisSessionStore({ redis, keyPrefix, cacheMs }))
    if (!near || !far) throw new Error('no stores')
    onTestFinished(() => far.close())
    const rules = { idleSeconds: 60, absoluteSeconds: 600, limit: 1, now: Date.now }
    const sessions = createSessions({ store: near, ...rules })
    const elsewhere = createSessions({ store: far, ...rules })
    const { token } = await sessions.issue('user', { appid: 'wx1' })
    const asked = vi.spyOn(redis, 'mget')
    await vi.waitFor(async () => {
      await elsewhere.get(token)
      asked.mockClear()
      await elsewhere.get(token)
      expect(asked).not.toHaveBeenCalled()
    })
    await end(sessions, token)
    await vi.waitFor(() => expect(elsewhere.get(token)).rejects.toMatchObject({ reason }), { interval: 1 })
    expect(await redis.zcard(`${keyPrefix}u{${bucketOf('user')}}:user`)).toBe(reason === 'erased' ? 0 : 1)
  })

  it('a new externalId reaches the cache of another process', async () => {
    const { redis, keyPrefix } = await open()
    const [near, far] = [0, 60_000].map((cacheMs) => createRedisSessionStore({ redis, keyPrefix, cacheMs }))
    if (!near || !far) throw new Error('no stores')
    onTestFinished(() => far.close())
    const rules = { idleSeconds: 60, absoluteSeconds: 600, now: Date.now }
    const [sessions, elsewhere] = [createSessions({ store: near, ...rules }), createSessions({ store: far, ...rules })]
    const { token } = await sessions.issue('user', { appid: 'wx1' })
    const asked = vi.spyOn(redis, 'mget')
    await vi.waitFor(async () => {
      await elsewhere.get(token)
      asked.mockClear()
      await elsewhere.get(token)
      expect(asked).not.toHaveBeenCalled()
    })
    await sessions.setExternalId('user', 'crm-7')
    await vi.waitFor(async () => expect(await elsewhere.get(token)).toMatchObject({ externalId: 'crm-7' }))
  })

  it('the index of a user lasts as long as the session that lives longest', async () => {
    const { redis, store, keyPrefix } = await open()
    const nowMs = Date.now()
    for (const [id, seconds] of [
      ['long', 600],
      ['short', 10],
    ] as const) {
      const record = { id, userId: 'user', appid: 'wx1', createdAtMs: nowMs, lastSeenMs: nowMs }
      await store.create(record, { nowMs, idleMs: 60_000, expiresAtMs: nowMs + seconds * 1000 })
    }
    expect(await redis.pttl(`${keyPrefix}u{${bucketOf('user')}}:user`)).toBeGreaterThan(500_000)
  })

  it('ended sessions are taken off the index, and only those that were alive are counted', async () => {
    const { redis, sessions, keyPrefix } = await open()
    const index = `${keyPrefix}u{${bucketOf('user')}}:user`
    const { session } = await sessions.issue('user', { appid: 'wx1' })
    await sessions.issue('user', { appid: 'wx1' })
    await sessions.revoke('user', session.id, 'signed_out')
    expect(await redis.zcard(index)).toBe(1)
    // By a clock that is ahead of the one of Redis, the other one has expired.
    const store = createRedisSessionStore({ redis, keyPrefix })
    expect(await store.revokeAll('user', { ...moment(), nowMs: Date.now() + 61_000, reason: 'admin' })).toBe(0)
    expect(await redis.exists(index)).toBe(0)
  })

  it('the real service refuses the sessions of an emulated WeChat, and the other way round', async () => {
    const { redis, sessions, keyPrefix } = await open()
    const { token } = await sessions.issue('user', { appid: 'wx1' })
    const store = createRedisSessionStore({ redis, keyPrefix, world: 'emulated' })
    const other = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
    const line = `Redis (${keyPrefix}*) holds the data of the real WeChat`
    const refusal = { code: 'store_unavailable', message: expect.stringContaining(line) }
    await expect(other.get(token)).rejects.toMatchObject(refusal)
    await expect(other.issue('user', { appid: 'wx1' })).rejects.toMatchObject(refusal)
    await expect(store.ping()).rejects.toMatchObject(refusal)
    await createRedisSessionStore({ redis, keyPrefix: `${keyPrefix}demo:`, world: 'emulated' }).ping()
    const real = createRedisSessionStore({ redis, keyPrefix: `${keyPrefix}demo:` })
    await expect(real.ping()).rejects.toMatchObject({ message: expect.stringMatching(/of an emulated WeChat/) })
  })

  it('a command that Redis refuses is not tried in another way', async () => {
    const { redis, sessions } = await open()
    const { token } = await sessions.issue('user', { appid: 'wx1' })
    await sessions.revokeAll('user', 'admin')
    const names = vi.spyOn(redis, 'sendCommand')
    vi.spyOn(redis, 'weappAuthCreate' as 'get').mockRejectedValueOnce(new Error('OOM command not allowed'))
    await expect(sessions.issue('user', { appid: 'wx1' })).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(names).not.toHaveBeenCalled()
    await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
  })

  it.each(['ends', 'is evicted'])(
    'a session that %s while its use is written with a new externalId stays away',
    async (how) => {
      const { redis, store, sessions, keyPrefix } = await open()
      const { session } = await sessions.issue('user', { appid: 'wx1' })
      await sessions.setExternalId('user', 'crm-7')
      const { mget } = redis
      redis.mget = async (...args: unknown[]) => {
        redis.mget = mget
        if (how === 'ends') await sessions.revoke('user', session.id, 'admin')
        else await redis.del(`${keyPrefix}{${bucketOf('user')}}:${session.id}`)
        return Reflect.apply(mget, redis, args)
      }
      expect(await store.touch(session, { ...moment(), expiresAtMs: session.expiresAtMs })).toBeNull()
      expect(await sessions.list('user')).toEqual([])
    },
  )

  it('a sign-in whose clock is behind ends the oldest of the other sessions at the limit', async () => {
    const { store } = await open()
    const signIn = (aheadMs: number) => {
      const now = () => Date.now() + aheadMs
      return createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, limit: 2, now }).issue('user', {
        appid: 'wx1',
      })
    }
    const [oldest, second, behind] = [await signIn(10_000), await signIn(20_000), await signIn(0)]
    const left = (await store.list('user', moment())).map(({ id }) => id)
    expect(left).toEqual([behind.session.id, second.session.id])
    expect(await store.find({ id: oldest.session.id, bucket: bucketOf('user') })).toMatchObject({ revoked: 'limit' })
  })

  it('endAll takes the index of each user away too, and leaves a neighbour whose prefix looks alike as it is', async () => {
    const { redis, keyPrefix, keys } = await open()
    const storeAt = (prefix: string) => {
      const store = createRedisSessionStore({ redis, keyPrefix: `${keyPrefix}${prefix}` })
      return { store, sessions: createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now }) }
    }
    // What Redis reads as a pattern: any character, any text, one of several, and the next character as it is.
    const [own, ...others] = ['a?*[bc]\\d:', 'ax*[bc]\\d:', 'a?x[bc]\\d:', 'a?*b[[[\\d:', 'a?*[bc]dd:'].map(storeAt)
    for (const each of [own, ...others]) await each?.sessions.issue('user', { appid: 'wx1' })
    await own?.store.restore?.endAll()
    expect(await own?.sessions.list('user')).toEqual([])
    for (const other of others) expect(await other.sessions.list('user')).toHaveLength(1)
    // Each has its mark of the world; the others have a session and its index.
    expect((await keys()).filter((key) => !key.endsWith('world'))).toHaveLength(2 * others.length)
  })

  it('a process that starts while Redis takes no writes can read sessions', async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const redis = new Redis(server.url)
    onTestFinished(() => redis.disconnect())
    const start = () => {
      const store = createRedisSessionStore({ redis })
      return createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
    }
    const { token } = await start().issue('user', { appid: 'wx1' })
    await createRedisSessionStore({ redis }).ping()
    // A user of Redis that may use these keys only has all it needs.
    for (const key of await redis.keys('*')) expect(key).toMatch(/^weapp-auth:./)
    await redis.replicaof('127.0.0.1', 1)
    expect(await start().get(token)).toMatchObject({ userId: 'user' })
    await expect(start().issue('user', { appid: 'wx1' })).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('a server that may evict keys is a warning for the operator, once, until its policy is noeviction', async () => {
    const server = await startRedis(['--maxmemory-policy', 'allkeys-lru'])
    onTestFinished(() => server.stop())
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const redis = new Redis(server.url, { retryStrategy: () => 20 })
    onTestFinished(() => redis.disconnect())
    const warnings: string[] = []
    const store = createRedisSessionStore({ redis, warn: (message) => warnings.push(message) })
    expect(store.findWarnings?.()).toEqual([])
    const findWarnings = async ({ findWarnings } = store) => {
      // Redis answers in turn: the last of these answers is behind those to the store.
      for (let i = 0; i < 3; i++) await redis.ping()
      return findWarnings?.()
    }
    const isWarned = [expect.stringMatching(/allkeys-lru.*noeviction/)]
    expect(await findWarnings()).toEqual(isWarned)
    vi.advanceTimersByTime(10_000)
    expect(await findWarnings()).toEqual(isWarned)
    expect(warnings).toEqual(isWarned)
    expect(await findWarnings(createRedisSessionStore({ redis }))).toEqual(isWarned)
    await redis.config('SET', 'maxmemory-policy', 'noeviction')
    vi.advanceTimersByTime(10_000)
    expect(await findWarnings()).toEqual([])
    await redis.config('SET', 'maxmemory-policy', 'volatile-lru')
    redis.disconnect(true)
    expect(await findWarnings()).toEqual([expect.stringMatching(/volatile-lru/)])
    expect(warnings).toHaveLength(2)
  })

  it('a store makes one connection for all who listen, and asks Redis nothing more when it is closed', async () => {
    const { redis, keyPrefix } = await open()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const connections = vi.spyOn(redis, 'duplicate')
    const store = createRedisSessionStore({ redis, keyPrefix, cacheMs: 60_000 })
    store.messages?.listen({ onEnded: () => {}, onText: () => {} })
    expect(connections).toHaveBeenCalledTimes(1)
    await expect.poll(() => store.messages?.isHeard()).toBe(true)
    connections.mockClear()
    const [, listeners] = (await redis.pubsub('NUMSUB', `${keyPrefix}ended`)) as [string, number]
    expect(listeners).toBe(1)
    await store.close()
    await expect.poll(async () => (await redis.pubsub('NUMSUB', `${keyPrefix}ended`))[1]).toBe(0)
    vi.advanceTimersByTime(1_000)
    expect(connections).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a store that remembers nothing makes no connection of its own', async () => {
    const { redis, keyPrefix } = await open()
    const duplicate = vi.spyOn(redis, 'duplicate')
    const store = createRedisSessionStore({ redis, keyPrefix })
    await store.find({ id: 'x', bucket: '000' })
    expect(duplicate).not.toHaveBeenCalled()
    expect(store.messages?.isHeard()).toBe(false)
  })

  it('what processes send each other reaches those with the same prefix only', async () => {
    const { redis, store: near, keyPrefix } = await open()
    const far = createRedisSessionStore({ redis, keyPrefix })
    const stranger = createRedisSessionStore({ redis, keyPrefix: `${keyPrefix}other:` })
    onTestFinished(() => far.close())
    const texts: string[] = []
    await new Promise<void>((resolve) =>
      far.messages?.listen({ onEnded: () => {}, onHeard: resolve, onText: (text) => texts.push(text) }),
    )
    await stranger.messages?.send('of another service')
    await near.messages?.send('of the same service')
    await expect.poll(() => texts).toEqual(['of the same service'])
  })

  it('where this user of Redis may not listen to a channel, the operator is told once, and it is tried again until it may', async () => {
    const { redis, keyPrefix } = await open()
    const username = randomUUID()
    const setUser = (...rules: string[]) => redis.acl('SETUSER', username, ...rules)
    await setUser('on', '>secret', '~*', 'resetchannels', '+@all')
    onTestFinished(async () => void (await redis.acl('DELUSER', username)))
    const client = redis.duplicate({ username, password: 'secret', retryStrategy: () => 20 })
    client.on('error', () => {})
    await client.connect()
    onTestFinished(() => client.disconnect())
    const warnings: string[] = []
    const warn = (message: string) => void warnings.push(message)
    const tries = vi.spyOn(client, 'duplicate')
    const store = createRedisSessionStore({ redis: client, keyPrefix, cacheMs: 60_000, warn })
    onTestFinished(() => store.close())
    const isHeard = () => store.messages?.isHeard()
    const notCached = expect.stringMatching(/^sessions are not cached.*ACL: &.*:ended\)$/)
    // The third try begins when the second was refused.
    await expect.poll(() => tries.mock.calls.length, { timeout: 5_000 }).toBe(3)
    expect(warnings).toEqual([notCached])
    await setUser(`&${keyPrefix}ended`)
    await expect.poll(isHeard, { timeout: 5_000 }).toBe(true)
    // Nobody in this process waits for what others send, so that no right is missing.
    expect(warnings).toEqual([notCached])
    store.messages?.listen({ onEnded: () => {}, onText: () => {} })
    const noPushes = expect.stringMatching(/^pushes of other processes.*ACL: &.*:messages\)$/)
    await expect.poll(() => warnings).toEqual([notCached, noPushes])
    await setUser('resetchannels')
    await expect.poll(() => warnings, { timeout: 5_000 }).toEqual([notCached, noPushes, notCached])
    expect(isHeard()).toBe(false)
  })

  it('where a connection breaks before it listens, the next one does, and no right is said to be missing', async () => {
    const { redis, keyPrefix } = await open()
    const { duplicate } = redis
    vi.spyOn(redis, 'duplicate').mockImplementationOnce((...args) => {
      const broken = Reflect.apply(duplicate, redis, args)
      broken.subscribe = () => Promise.reject(new Error('Connection is closed.'))
      return broken
    })
    const warnings: string[] = []
    const warn = (message: string) => void warnings.push(message)
    const store = createRedisSessionStore({ redis, keyPrefix, cacheMs: 60_000, warn })
    onTestFinished(() => store.close())
    await expect.poll(() => store.messages?.isHeard(), { timeout: 5_000 }).toBe(true)
    expect(warnings).toEqual([])
  })

  it('messages are heard on a new connection when the client reconnects, because the client may be on another server', async () => {
    const { redis, keyPrefix } = await open()
    const name = randomUUID()
    const far = redis.duplicate({ connectionName: name, retryStrategy: () => 20 })
    await far.connect()
    const store = createRedisSessionStore({ redis: far, keyPrefix, cacheMs: 60_000 })
    onTestFinished(async () => {
      await store.close()
      far.disconnect()
    })
    const findListener = async () => {
      const clients = String(await redis.client('LIST')).split('\n')
      const line = clients.find((line) => line.includes(`name=${name}`) && !line.includes(' sub=0'))
      return /^id=(\d+)/.exec(line ?? '')?.[1]
    }
    await expect.poll(findListener).toBeDefined()
    const before = await findListener()
    far.disconnect(true)
    await expect.poll(async () => ![undefined, before].includes(await findListener())).toBe(true)
  })

  it('the store refuses a client with a keyPrefix of its own, a client that reads from replicas, and braces in the prefix', async () => {
    const redis = new Redis({ lazyConnect: true, keyPrefix: 'x:' })
    expect(() => createRedisSessionStore({ redis })).toThrow('use the option keyPrefix')
    expect(() => createRedisSessionStore({ redis: new Redis({ lazyConnect: true }), keyPrefix: '{x}' })).toThrow(
      'braces',
    )
    const replicas = new Cluster([{ port: 1 }], { lazyConnect: true, scaleReads: 'slave' })
    expect(() => createRedisSessionStore({ redis: replicas })).toThrow('must read from masters')
    expect(() => createRedisSessionStore({ redis: new Cluster([{ port: 1 }], { lazyConnect: true }) })).not.toThrow()
  })

  it('a client of a cluster that pipelines by itself is warned about, and no other one', () => {
    const warnings: string[] = []
    const warn = (message: string) => void warnings.push(message)
    createRedisSessionStore({ redis: new Redis({ lazyConnect: true, enableAutoPipelining: true }), warn })
    createRedisSessionStore({ redis: new Cluster([{ port: 1 }], { lazyConnect: true }), warn })
    expect(warnings).toEqual([])
    const redis = new Cluster([{ port: 1 }], { lazyConnect: true, enableAutoPipelining: true })
    createRedisSessionStore({ redis, warn })
    expect(warnings).toEqual([expect.stringContaining('create the Cluster client without enableAutoPipelining')])
  })
})

/** A client, which sends again what was not answered, behind a connection that breaks before an answer arrives. */
async function connectLossy() {
  const { hostname, port } = new URL(url ?? '')
  let isLosing = false
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    near.on('error', () => {}).pipe(far)
    far
      .on('error', () => {})
      .on('data', (answer) => {
        if (!isLosing) return near.write(answer)
        isLosing = false
        near.destroy()
        return far.destroy()
      })
    near.on('close', () => far.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const redis = new Redis((server.address() as AddressInfo).port, { lazyConnect: true, retryStrategy: () => 10 })
  redis.on('error', () => {})
  await redis.connect()
  onTestFinished(() => {
    redis.disconnect()
    server.close()
  })
  return {
    redis,
    loseNextAnswer: () => {
      isLosing = true
    },
  }
}

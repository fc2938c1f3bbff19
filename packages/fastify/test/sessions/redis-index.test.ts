import { randomUUID } from 'node:crypto'
import { startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { createRedisSessionStore } from '../../src/index.ts'
import { createSessions, type IssuedSession } from '../../src/sessions/sessions.ts'
import { bucketOf } from '../../src/sessions/token.ts'
import { whileSlotsMove } from './moving-slots.ts'
import { neighbourOf } from './opened-session-store.ts'

const sharedUrl = inject('redisUrl')
const IDLE_SECONDS = 60
const APP = { appid: 'wx1' }

/** What is told of an index that may lack sessions. */
const REFUSAL = {
  code: 'store_unavailable',
  retryAfterSeconds: 60,
  message: expect.stringMatching(/evicted.*noeviction/),
}

function openStore({ limit = 0, url = sharedUrl ?? '', through = (redis: Redis) => redis } = {}) {
  const redis = new Redis(url)
  onTestFinished(() => redis.disconnect())
  const keyPrefix = `test-${randomUUID()}:`
  let nowMs = Date.now()
  const store = createRedisSessionStore({ redis: through(redis), keyPrefix })
  onTestFinished(() => store.close())
  return {
    redis,
    userId: randomUUID(),
    sessions: createSessions({ store, idleSeconds: IDLE_SECONDS, absoluteSeconds: 600, limit, now: () => nowMs }),
    advance: (ms: number) => {
      nowMs += ms
    },
    keyOf: ({ userId, id }: { userId: string; id: string }) => `${keyPrefix}{${bucketOf(userId)}}:${id}`,
    indexOf: (userId: string) => `${keyPrefix}u{${bucketOf(userId)}}:${userId}`,
  }
}

describe.skipIf(sharedUrl === null).each([
  ['the index of a user’s sessions in Redis', (redis: Redis) => redis],
  ['the index of a user’s sessions in Redis while its slot moves', whileSlotsMove],
])('%s', (_, through) => {
  const open = (o: { limit?: number; url?: string } = {}) => openStore({ ...o, through })

  it('an index lasts as long as a session that is used', async () => {
    const { redis, sessions, userId, advance, indexOf } = open()
    const { token, session } = await sessions.issue(userId, APP)
    await redis.pexpire(indexOf(userId), 1_000)
    advance(30_000)
    const used = await sessions.get(token)
    expect(used.expiresAtMs).toBe(session.expiresAtMs + 30_000)
    expect(Number(await redis.zscore(indexOf(userId), session.id))).toBe(used.expiresAtMs)
    expect(await redis.pttl(indexOf(userId))).toBeGreaterThan(50_000)
  })

  it('sessions that were evicted are dropped from the index before a live session has to end for the limit', async () => {
    const { redis, sessions, userId, advance, keyOf, indexOf } = open({ limit: 2 })
    const kept = await sessions.issue(userId, APP)
    advance(1)
    const evicted = await sessions.issue(userId, APP)
    await redis.del(keyOf(evicted.session))
    advance(1)
    const { session } = await sessions.issue(userId, APP)
    await sessions.get(kept.token)
    expect((await redis.zrange(indexOf(userId), '0', '-1')).sort()).toEqual([kept.session.id, session.id].sort())
  })

  it('a sign-in ends the session that it replaces, although the index was evicted', async () => {
    const { redis, sessions, userId, indexOf, keyOf } = open()
    const old = await sessions.issue(userId, APP)
    await redis.del(indexOf(userId))
    const { session } = await sessions.issue(userId, { ...APP, replaces: old.token })
    await expect(sessions.get(old.token)).rejects.toMatchObject({ reason: 'replaced' })
    expect(await redis.pttl(keyOf(old.session))).toBeGreaterThan(0)
    expect(await redis.zscore(indexOf(userId), session.id)).not.toBeNull()
    expect(await redis.zscore(indexOf(userId), old.session.id)).toBeNull()
  })

  it('an index that was evicted is not taken for complete after some sessions are used: those found are ended, and the answer is 503', async () => {
    const { redis, sessions, userId, advance, indexOf } = open()
    const [own, used, hidden] = [
      await sessions.issue(userId, APP),
      await sessions.issue(userId, APP),
      await sessions.issue(userId, APP),
    ]
    await redis.del(indexOf(userId))
    const endOthers = () => sessions.revokeAll(userId, 'signed_out_elsewhere', { except: own.session.id })
    await expect(endOthers()).rejects.toMatchObject(REFUSAL)
    advance(6_000)
    for (const { token } of [own, used]) await sessions.get(token)
    await expect(sessions.list(userId)).rejects.toMatchObject(REFUSAL)
    await expect(endOthers()).rejects.toMatchObject(REFUSAL)
    await expect(sessions.get(used.token)).rejects.toMatchObject({ reason: 'signed_out_elsewhere' })
    advance(1_000)
    // The second find is a second later and does not prolong the wait: what was lost before the first find has expired by then.
    await sessions.get(hidden.token)
    await expect(endOthers()).rejects.toMatchObject(REFUSAL)
    await expect(sessions.get(hidden.token)).rejects.toMatchObject({ reason: 'signed_out_elsewhere' })
    advance(IDLE_SECONDS * 1000 - 1_001)
    await expect(endOthers()).rejects.toMatchObject(REFUSAL)
    advance(1)
    expect(await endOthers()).toBe(0)
  })

  it('an index that lacks the session of the caller is not taken for complete, although it has others', async () => {
    const { redis, sessions, userId, indexOf } = open()
    const own = await sessions.issue(userId, APP)
    await redis.del(indexOf(userId))
    const other = await sessions.issue(userId, APP)
    const endOthers = sessions.revokeAll(userId, 'signed_out_elsewhere', { except: own.session.id })
    await expect(endOthers).rejects.toMatchObject(REFUSAL)
    await expect(sessions.get(other.token)).rejects.toMatchObject({ reason: 'signed_out_elsewhere' })
  })

  it.each<[how: string, makeAnew: (o: ReturnType<typeof openStore>, known: IssuedSession) => Promise<unknown>]>([
    [
      'the use of a session',
      ({ sessions, advance }, known) => {
        advance(6_000)
        return sessions.get(known.token)
      },
    ],
    ['a sign-in on the same phone', (o, { token }) => o.sessions.issue(o.userId, { ...APP, replaces: token })],
    ['the end of a session', (o, { session }) => o.sessions.revoke(o.userId, session.id, 'signed_out')],
  ])(
    'an evicted index that was made anew by %s is not taken for complete until all sessions it may lack have expired',
    async (_, makeAnew) => {
      const o = open()
      const { redis, sessions, userId, advance, indexOf } = o
      const [known, hidden] = [await sessions.issue(userId, APP), await sessions.issue(userId, APP)]
      await redis.del(indexOf(userId))
      await makeAnew(o, known)
      await sessions.issue(userId, APP)
      await expect(sessions.revokeAll(userId, 'admin')).rejects.toMatchObject(REFUSAL)
      await sessions.get(hidden.token)
      await expect(sessions.list(userId)).rejects.toMatchObject(REFUSAL)
      expect(await sessions.revoke(userId, '!', 'admin')).toBe(false)
      await expect(sessions.list(userId)).rejects.toMatchObject(REFUSAL)
      advance(IDLE_SECONDS * 1000)
      expect(await sessions.list(userId)).toEqual([])
      expect(await sessions.revokeAll(userId, 'admin')).toBe(0)
      expect(await redis.pttl(indexOf(userId))).toBeGreaterThan(IDLE_SECONDS * 1000)
    },
  )

  it('where the index may lack sessions, a new externalId is not reported as set', async () => {
    const { redis, sessions, userId, advance, indexOf } = open()
    const known = await sessions.issue(userId, APP)
    await redis.del(indexOf(userId))
    advance(6_000)
    await sessions.get(known.token)
    await expect(sessions.setExternalId(userId, 'a')).rejects.toMatchObject(REFUSAL)
    expect(await sessions.get(known.token)).toMatchObject({ externalId: 'a' })
  })

  it('of an index with a mark, the sessions are read and nothing else', async () => {
    const { redis, sessions, userId, advance, indexOf, keyOf } = open()
    const known = await sessions.issue(userId, APP)
    await redis.del(indexOf(userId))
    advance(6_000)
    await sessions.get(known.token)
    const reads = vi.spyOn(redis, 'mget')
    await expect(sessions.setExternalId(userId, null)).rejects.toMatchObject(REFUSAL)
    expect(reads.mock.calls).toEqual([[[keyOf(known.session)]]])
  })

  it.each<[what: string, change: (o: ReturnType<typeof openStore>, made: IssuedSession) => Promise<unknown>]>([
    ['ends', ({ sessions, userId }, { session }) => sessions.revoke(userId, session.id, 'admin')],
    [
      'is used',
      ({ sessions, advance }, { token }) => {
        advance(30_000)
        return sessions.get(token)
      },
    ],
  ])('a session that %s while a new externalId is written keeps that', async (what, change) => {
    const o = open()
    const { redis, sessions, userId, advance } = o
    const made = await sessions.issue(userId, APP)
    advance(1)
    // It is read after the other one, and written with it.
    await sessions.issue(userId, APP)
    const { mget } = redis
    redis.mget = async (...args: unknown[]) => {
      redis.mget = mget
      const values = await (mget as (...args: unknown[]) => Promise<(string | null)[]>).apply(redis, args)
      await change(o, made)
      return values
    }
    await sessions.setExternalId(userId, 'a')
    const ref = { id: made.session.id, bucket: bucketOf(userId) }
    if (what === 'ends') await expect(sessions.peek(ref)).rejects.toMatchObject({ reason: 'admin' })
    else
      expect(await sessions.peek(ref)).toMatchObject({ externalId: 'a', lastSeenMs: made.session.lastSeenMs + 30_001 })
  })

  it('a new externalId is not reported as set when the sessions are in use all the time', async () => {
    const { redis, sessions, userId } = open()
    await sessions.issue(userId, APP)
    const rewrite = vi.fn(async () => 1)
    Object.assign(redis, { weappAuthRewrite: rewrite })
    const message = expect.stringContaining('in use all the time')
    const refusal = { code: 'store_unavailable', retryAfterSeconds: 1, message }
    await expect(sessions.setExternalId(userId, 'a')).rejects.toMatchObject(refusal)
    expect(rewrite).toHaveBeenCalledTimes(20)
  })

  it.each(['list', 'revokeAll'] as const)(
    'an index that was marked as incomplete by a clock that was ahead is whole an idle lifetime after %s has found that',
    async (call) => {
      const { redis, sessions, userId, advance, indexOf } = open()
      const aheadMs = 365 * 24 * 3_600_000
      await sessions.issue(userId, APP)
      advance(aheadMs)
      const made = await sessions.issue(userId, APP)
      await redis.del(indexOf(userId))
      advance(6_000)
      await sessions.get(made.token)
      advance(-aheadMs)
      const ask = () => (call === 'list' ? sessions.list(userId) : sessions.revokeAll(userId, 'admin'))
      await expect(ask()).rejects.toMatchObject(REFUSAL)
      advance(IDLE_SECONDS * 1000 - 1)
      await expect(ask()).rejects.toMatchObject(REFUSAL)
      advance(1)
      await ask()
    },
  )

  it('the mark of an incomplete index does not count as a session at the limit', async () => {
    const { redis, sessions, userId, advance, indexOf } = open({ limit: 2 })
    const first = await sessions.issue(userId, APP)
    await redis.del(indexOf(userId))
    advance(6_000)
    await sessions.get(first.token)
    const second = await sessions.issue(userId, APP)
    await sessions.get(first.token)
    await sessions.issue(userId, APP)
    await sessions.get(second.token)
    await expect(sessions.get(first.token)).rejects.toMatchObject({ reason: 'limit' })
  })

  it('an index that is made on a server which has evicted keys within the idle lifetime is not taken for complete', async () => {
    const server = await startRedis(['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-random'])
    onTestFinished(() => server.stop())
    const before = open({ url: server.url })
    await before.sessions.issue(before.userId, APP)
    expect(await before.sessions.list(before.userId)).toHaveLength(1)
    expect(await before.sessions.list('nobody')).toEqual([])
    for (let i = 0; i < 40; i++) await before.redis.set(`filler-${i}`, 'x'.repeat(100_000))
    expect(await before.redis.info('stats')).toMatch(/evicted_keys:[1-9]/)
    await before.redis.flushall()

    const { sessions, userId, advance } = open({ url: server.url })
    await sessions.issue(userId, APP)
    await expect(sessions.list(userId)).rejects.toMatchObject(REFUSAL)
    await expect(sessions.revokeAll(userId, 'admin')).rejects.toMatchObject(REFUSAL)
    await expect(sessions.list('nobody')).rejects.toMatchObject(REFUSAL)
    advance(IDLE_SECONDS * 1000)
    expect(await sessions.revokeAll(userId, 'admin')).toBe(0)
    expect(await sessions.list('nobody')).toEqual([])
    // The index is there and whole by now: a sign-in does not make it doubtful again.
    const { session } = await sessions.issue(userId, APP)
    expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([session.id])
  })

  it('ending all other sessions is no error when there is no index because no session is left', async () => {
    const { sessions, userId } = open()
    const own = await sessions.issue(userId, APP)
    await sessions.revoke(userId, own.session.id, 'admin')
    expect(await sessions.revokeAll(userId, 'signed_out_elsewhere', { except: own.session.id })).toBe(0)
  })

  it('a session that the next sign-in of its user replaces is taken off the index', async () => {
    const { redis, sessions, userId, indexOf } = open()
    const old = await sessions.issue(userId, APP)
    const { session } = await sessions.issue(userId, { ...APP, replaces: old.token })
    expect(await redis.zrange(indexOf(userId), '0', '-1')).toEqual([session.id])
  })

  it('a session that another user of the device replaces is taken off the index of its user', async () => {
    const { redis, sessions, userId, indexOf } = open()
    const before = neighbourOf(userId)
    const old = await sessions.issue(before, APP)
    await sessions.issue(userId, { ...APP, replaces: old.token })
    expect(await redis.exists(indexOf(before))).toBe(0)
  })
})

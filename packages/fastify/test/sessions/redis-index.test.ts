import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { createRedisSessionStore } from '../../src/index.ts'
import { createSessions } from '../../src/sessions/sessions.ts'
import { bucketOf } from '../../src/sessions/token.ts'
import { neighbourOf } from './session-store.contract.ts'

const url = inject('redisUrl')
const APP = { appid: 'wx1' }

function open({ limit = 0 } = {}) {
  const redis = new Redis(url ?? '')
  onTestFinished(() => redis.disconnect())
  const keyPrefix = `test-${randomUUID()}:`
  let nowMs = Date.now()
  const store = createRedisSessionStore({ redis, keyPrefix })
  return {
    redis,
    userId: randomUUID(),
    sessions: createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, limit, now: () => nowMs }),
    advance: (ms: number) => {
      nowMs += ms
    },
    keyOf: ({ userId, id }: { userId: string; id: string }) => `${keyPrefix}{${bucketOf(userId)}}:${id}`,
    indexOf: (userId: string) => `${keyPrefix}u{${bucketOf(userId)}}:${userId}`,
  }
}

describe.skipIf(url === null)('the index of a user’s sessions in Redis', () => {
  it('lasts as long as a session that is used', async () => {
    const { redis, sessions, userId, advance, indexOf } = open()
    const { token, session } = await sessions.issue(userId, APP)
    await redis.pexpire(indexOf(userId), 1_000)
    advance(30_000)
    const used = await sessions.get(token)
    expect(used.expiresAtMs).toBe(session.expiresAtMs + 30_000)
    expect(Number(await redis.zscore(indexOf(userId), session.id))).toBe(used.expiresAtMs)
    expect(await redis.pttl(indexOf(userId))).toBeGreaterThan(50_000)
  })

  it('gives up what was evicted, before one that lives has to give way', async () => {
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

  it('that was evicted keeps no sign-in from ending the session it replaces', async () => {
    const { redis, sessions, userId, indexOf, keyOf } = open()
    const old = await sessions.issue(userId, APP)
    await redis.del(indexOf(userId))
    const { session } = await sessions.issue(userId, { ...APP, replaces: old.token })
    await expect(sessions.get(old.token)).rejects.toMatchObject({ reason: 'replaced' })
    expect(await redis.pttl(keyOf(old.session))).toBeGreaterThan(0)
    expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([session.id])
  })

  it("after the index was evicted, ending all other sessions answers 503 until the caller's session is in the index again", async () => {
    const { redis, sessions, userId, advance, indexOf } = open()
    const [own, other] = [await sessions.issue(userId, APP), await sessions.issue(userId, APP)]
    await redis.del(indexOf(userId))
    const end = () => sessions.revokeAll(userId, 'signed_out_elsewhere', own.session.id)
    await expect(end()).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/noeviction/),
    })
    await sessions.get(other.token)
    advance(6_000)
    for (const { token } of [own, other]) await sessions.get(token)
    expect(await end()).toBe(1)
    await sessions.get(own.token)
  })

  it('that was evicted keeps nobody from ending all others whose own session has just ended', async () => {
    const { redis, sessions, userId, indexOf } = open()
    const own = await sessions.issue(userId, APP)
    await redis.del(indexOf(userId))
    await sessions.revoke(userId, own.session.id, 'admin')
    expect(await sessions.revokeAll(userId, 'signed_out_elsewhere', own.session.id)).toBe(0)
  })

  it('is left by a session that somebody else on the device replaces', async () => {
    const { redis, sessions, userId, indexOf } = open()
    const before = neighbourOf(userId)
    const old = await sessions.issue(before, APP)
    await sessions.issue(userId, { ...APP, replaces: old.token })
    expect(await redis.exists(indexOf(before))).toBe(0)
  })
})

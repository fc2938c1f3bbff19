import { randomUUID } from 'node:crypto'
import { type RedisClusterGroup, startRedisCluster } from '@weapp-auth/test-servers'
import { Cluster } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { createRedisSessionStore } from '../../src/index.ts'
import { createSessions, type IssuedSession } from '../../src/sessions/sessions.ts'
import { bucketOf } from '../../src/sessions/token.ts'

const APP = { appid: 'wx1' }

/** How far the slot has moved when the call is made. */
const ORDERS = [
  { name: 'no key has moved', pick: () => [] },
  { name: 'the index has moved, no session has', pick: (keys: string[]) => keys.filter(isIndex) },
  { name: 'the index has not moved, all sessions have', pick: (keys: string[]) => keys.filter((key) => !isIndex(key)) },
  {
    name: 'the index and one session have moved',
    pick: (keys: string[]) => [...keys.filter(isIndex), ...keys.filter((key) => !isIndex(key)).slice(0, 1)],
  },
  {
    name: 'half of the keys have moved, as GETKEYSINSLOT orders them',
    pick: (keys: string[]) => keys.slice(0, keys.length / 2),
  },
  { name: 'every key has moved', pick: (keys: string[]) => keys },
]

function isIndex(key: string): boolean {
  return key.includes(':u{')
}

describe.skipIf(inject('redisUrl') === null).each(ORDERS)(
  'while a slot of the cluster moves, and $name',
  ({ pick }) => {
    let group: RedisClusterGroup
    beforeAll(async () => {
      group = await startRedisCluster({ replicas: 0, nodeTimeoutMs: 10_000 })
    }, 60_000)
    afterAll(() => group?.stop())

    /** A user with three sessions whose slot is open. */
    async function open({ limit = 0, losesIndex = false } = {}) {
      const seeds = group.nodes.map(({ url }) => ({ host: '127.0.0.1', port: Number(new URL(url).port) }))
      const redis = new Cluster(seeds, { lazyConnect: true, enableOfflineQueue: false })
      redis.on('error', () => {})
      await redis.connect()
      onTestFinished(() => redis.disconnect())
      const userId = randomUUID()
      const keyPrefix = `test-${randomUUID()}:`
      const store = createRedisSessionStore({ redis, keyPrefix })
      onTestFinished(() => store.close())
      let nowMs = Date.now()
      const sessions = createSessions({ store, idleSeconds: 600, absoluteSeconds: 6_000, limit, now: () => nowMs })
      const issued: IssuedSession[] = []
      for (let i = 0; i < 3; i++) {
        issued.push(await sessions.issue(userId, APP))
        nowMs++
      }
      if (losesIndex) await redis.del(`${keyPrefix}u{${bucketOf(userId)}}:${userId}`)
      const slot = await group.openSlotOf(`{${bucketOf(userId)}}`)
      let isOpen = true
      const finish = async () => {
        if (isOpen) await slot.finish()
        isOpen = false
      }
      onTestFinished(finish)
      const half = pick(await slot.keys())
      await slot.move(half)
      const [first, second, third] = issued as [IssuedSession, IssuedSession, IssuedSession]
      return { sessions, userId, first, second, third, slot, finish, advance: (ms: number) => (nowMs += ms) }
    }

    it('a session is found while its slot moves', async () => {
      const { sessions, first } = await open()
      expect(await sessions.get(first.token)).toMatchObject({ id: first.session.id })
    })

    it('all sessions of a user are listed while their slot moves', async () => {
      const { sessions, userId } = await open()
      expect(await sessions.list(userId)).toHaveLength(3)
    })

    it('a session that is ended while its slot moves stays ended', async () => {
      const { sessions, userId, second, finish } = await open()
      expect(await sessions.revoke(userId, second.session.id, 'admin')).toBe(true)
      await finish()
      await expect(sessions.get(second.token)).rejects.toMatchObject({ code: 'session_revoked', reason: 'admin' })
      expect(await sessions.list(userId)).toHaveLength(2)
    })

    it('all other sessions that are ended while their slot moves stay ended', async () => {
      const { sessions, userId, first, second, third, finish } = await open()
      expect(await sessions.revokeAll(userId, 'signed_out_elsewhere', { except: first.session.id })).toBe(2)
      await finish()
      expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([first.session.id])
      await sessions.get(first.token)
      for (const { token } of [second, third]) {
        await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'signed_out_elsewhere' })
      }
    })

    it('the use of a session is written down while its slot moves', async () => {
      const { sessions, userId, first, second, third, finish, advance } = await open()
      advance(300_000)
      for (const { token } of [first, second, third]) await sessions.get(token)
      await finish()
      advance(400_000)
      expect(await sessions.list(userId)).toHaveLength(3)
      expect(await sessions.revokeAll(userId, 'admin')).toBe(3)
    })

    it('a session that is made while its slot moves is ended with the others', async () => {
      const { sessions, userId, finish } = await open()
      const { token, session } = await sessions.issue(userId, APP)
      await sessions.get(token)
      expect((await sessions.list(userId)).map(({ id }) => id)).toContain(session.id)
      await finish()
      expect(await sessions.revokeAll(userId, 'admin')).toBe(4)
      await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
    })

    it('an index that was evicted before its slot moves is not taken for complete after a session is used', async () => {
      const { sessions, userId, first, second, finish, advance } = await open({ losesIndex: true })
      advance(300_000)
      await sessions.get(first.token)
      await expect(sessions.revokeAll(userId, 'admin')).rejects.toMatchObject({ code: 'store_unavailable' })
      await finish()
      await sessions.get(second.token)
      await expect(sessions.list(userId)).rejects.toMatchObject({ code: 'store_unavailable' })
    })

    it('two sign-ins at the same time, where one session is allowed, do not end each other while the slot moves', async () => {
      const { sessions, userId, finish, advance } = await open({ limit: 1 })
      const issued = await Promise.all([1, 2].map(() => sessions.issue(userId, APP)))
      await finish()
      const alive = await Promise.allSettled(issued.map(({ token }) => sessions.get(token)))
      expect(alive).toContainEqual(expect.objectContaining({ status: 'fulfilled' }))
      advance(1)
      const { session } = await sessions.issue(userId, APP)
      expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([session.id])
    })

    it('a sign-in replaces the session of its device and keeps the limit while the slot moves', async () => {
      const { sessions, userId, first, second, third, finish } = await open({ limit: 3 })
      const fourth = await sessions.issue(userId, { ...APP, replaces: third.token })
      await expect(sessions.get(third.token)).rejects.toMatchObject({ reason: 'replaced' })
      const fifth = await sessions.issue(userId, APP)
      await finish()
      await expect(sessions.get(first.token)).rejects.toMatchObject({ reason: 'limit' })
      expect((await sessions.list(userId)).map(({ id }) => id).sort()).toEqual(
        [second, fourth, fifth].map(({ session }) => session.id).sort(),
      )
    })
  },
)

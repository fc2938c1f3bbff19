import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { SessionRecord } from '../../src/index.ts'
import { USER_CHANGE_MS } from '../../src/sessions/session-store.ts'
import { neighbourOf, type OpenedSessionStore } from './opened-session-store.ts'

const IDLE_MS = 1_000_000
const NOW_MS = Date.now()
const CHANGE = { nowMs: NOW_MS, expiresAtMs: NOW_MS + USER_CHANGE_MS }

/** What every SessionStore does about a user who is disabled, erased, or given another externalId. */
export function userChangesContract(open: () => Promise<OpenedSessionStore>): void {
  async function setUp() {
    const { store } = await open()
    const lifetime = { nowMs: NOW_MS, idleMs: IDLE_MS, expiresAtMs: NOW_MS + IDLE_MS }
    const list = (userId: string) => store.list(userId, lifetime)
    const newRecord = (userId: string, externalId?: string): SessionRecord => ({
      id: randomUUID(),
      userId,
      appid: 'wx1',
      createdAtMs: NOW_MS,
      lastSeenMs: NOW_MS,
      ...(externalId !== undefined && { externalId }),
      device: { platform: 'ios' },
    })
    const create = async (record: SessionRecord, nowMs = NOW_MS) =>
      (await store.create(record, { nowMs, idleMs: IDLE_MS, expiresAtMs: nowMs + IDLE_MS })) !== null
    return { store, list, lifetime, newRecord, create, userId: randomUUID() }
  }

  describe('a blocked user', () => {
    it('a blocked user gets no new session and keeps the others; other users notice nothing', async () => {
      const { store, list, newRecord, create, userId } = await setUp()
      const before = newRecord(userId)
      expect(await create(before)).toBe(true)
      await store.block(userId, 'b1', CHANGE)
      expect(await create(newRecord(userId))).toBe(false)
      expect(await create(newRecord(userId, 'e1'))).toBe(false)
      expect((await list(userId)).map(({ id }) => id)).toEqual([before.id])
      expect(await create(newRecord(neighbourOf(userId)))).toBe(true)
    })

    it('a blocked user gets sessions again when that block is taken back, but not when an earlier one is', async () => {
      const { store, newRecord, create, userId } = await setUp()
      await store.block(userId, 'b1', CHANGE)
      await store.block(userId, 'b2', CHANGE)
      await store.unblock(userId, 'b1')
      expect(await create(newRecord(userId))).toBe(false)
      await store.unblock(userId, 'b2')
      expect(await create(newRecord(userId))).toBe(true)
    })

    it('a blocked user stays blocked when another user is freed from a block of the same id', async () => {
      const { store, newRecord, create, userId } = await setUp()
      const other = neighbourOf(userId)
      for (const id of [userId, other]) await store.block(id, 'b1', CHANGE)
      await store.unblock(other, 'b1')
      expect(await create(newRecord(userId))).toBe(false)
    })

    it('a blocked user stays blocked when an externalId is set meanwhile, and when other users are blocked', async () => {
      const { store, newRecord, create, userId } = await setUp()
      await store.block(userId, 'b1', CHANGE)
      await store.setExternalId(userId, 'e1', CHANGE)
      await store.block(neighbourOf(userId), 'b2', CHANGE)
      expect(await create(newRecord(userId, 'e1'))).toBe(false)
    })

    it('a blocked user gets sessions again when the time of the block is over', async () => {
      const { store, newRecord, create, userId } = await setUp()
      await store.block(userId, 'b1', { nowMs: NOW_MS, expiresAtMs: NOW_MS + 1 })
      await expect.poll(() => create(newRecord(userId), NOW_MS + 2)).toBe(true)
    })
  })

  describe('an externalId', () => {
    it('an externalId is in the record as it was given, whatever characters it has', async () => {
      const { list, newRecord, create, userId } = await setUp()
      const record = newRecord(userId, `"\\'{}[]<>$1?%s:;,~!`)
      await create(record)
      expect(await list(userId)).toEqual([record])
    })

    it('an externalId is written into all live sessions of the user, or removed from them, and nothing else in them changes', async () => {
      const { store, list, newRecord, create, userId } = await setUp()
      const records = Array.from({ length: 5 }, () => newRecord(userId))
      const neighbour = newRecord(neighbourOf(userId), 'theirs')
      for (const record of [...records, neighbour]) await create(record)
      const [over] = records.splice(0, 1) as [SessionRecord]
      await store.revoke(userId, over.id, { nowMs: NOW_MS, idleMs: IDLE_MS, reason: 'admin' })
      const byId = (all: readonly SessionRecord[]) => all.toSorted((a, b) => (a.id < b.id ? -1 : 1))
      for (const externalId of ['e1', 'e"2\\', null, 'e3']) {
        await store.setExternalId(userId, externalId, CHANGE)
        const expected = records.map((record) => (externalId === null ? record : { ...record, externalId }))
        expect(byId(await list(userId))).toEqual(byId(expected))
      }
      expect(await list(neighbour.userId)).toEqual([neighbour])
    })

    it('while an externalId is new, no session with another one is made', async () => {
      const { store, newRecord, create, userId } = await setUp()
      await store.setExternalId(userId, 'e1', CHANGE)
      expect(await create(newRecord(userId))).toBe(false)
      expect(await create(newRecord(userId, 'e1'))).toBe(true)
      await store.setExternalId(userId, null, CHANGE)
      expect(await create(newRecord(userId, 'e1'))).toBe(false)
      expect(await create(newRecord(userId))).toBe(true)
    })

    it('an externalId is not undone by a request that has read the session before', async () => {
      const { store, list, lifetime, newRecord, create, userId } = await setUp()
      const record = newRecord(userId)
      await create(record)
      for (const externalId of ['e1', 'e2', null]) {
        const read = (await list(userId))[0] as SessionRecord
        await store.setExternalId(userId, externalId, CHANGE)
        const expected = { ...record, ...(externalId !== null && { externalId }) }
        expect(await store.touch({ ...read, createdAtMs: NOW_MS }, lifetime)).toStrictEqual(expected)
        expect(await list(userId)).toEqual([expected])
      }
    })
  })
}

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ERASED_KNOWN_MS, type RestoreSupport } from '../../src/sessions/restore-support.ts'
import { createSessions } from '../../src/sessions/sessions.ts'
import type { OpenedSessionStore } from './opened-session-store.ts'

const NOW_MS = Date.now()

/** What our session stores know for the day on which users are restored from a backup. */
export function restoreSupportContract(open: () => Promise<OpenedSessionStore>): void {
  const openWith = async () => {
    const { store, breakDown } = await open()
    return { store, breakDown, restore: store.restore as RestoreSupport }
  }

  describe('users who were erased', () => {
    it('erased users are listed with the newest first, in pages, each of them once', async () => {
      const { restore } = await openWith()
      expect(await restore.listErased({ skip: 0, limit: 10 })).toEqual([])
      const users = [1, 2, 3].map((n) => ({ userId: `user-${n}`, atMs: NOW_MS + n }))
      for (const { userId, atMs } of users) await restore.noteErased(userId, atMs)
      await restore.noteErased('user-1', NOW_MS + 4)
      const [first, second, third] = users
      expect(await restore.listErased({ skip: 0, limit: 2 })).toEqual([{ ...first, atMs: NOW_MS + 4 }, third])
      expect(await restore.listErased({ skip: 2, limit: 2 })).toEqual([second])
    })

    it('an erased user is forgotten after half a year, when the next one is noted', async () => {
      const { restore } = await openWith()
      await restore.noteErased('old', NOW_MS - ERASED_KNOWN_MS - 1)
      await restore.noteErased('young', NOW_MS - ERASED_KNOWN_MS + 60_000)
      await restore.noteErased('new', NOW_MS)
      const erased = await restore.listErased({ skip: 0, limit: 10 })
      expect(erased.map(({ userId }) => userId)).toEqual(['new', 'young'])
    })

    it('users cannot be noted as erased while the store is away', async () => {
      const { restore, breakDown } = await openWith()
      await breakDown()
      await expect(restore.noteErased('user', NOW_MS)).rejects.toMatchObject({ code: 'store_unavailable' })
      await expect(restore.listErased({ skip: 0, limit: 1 })).rejects.toMatchObject({ code: 'store_unavailable' })
      await expect(restore.endAll()).rejects.toMatchObject({ code: 'store_unavailable' })
    })
  })

  it('endAll removes the sessions of everybody as if they had never been, and nothing else', async () => {
    const { store, restore } = await openWith()
    const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
    const users = [randomUUID(), randomUUID(), randomUUID()]
    const tokens: string[] = []
    for (const userId of users) tokens.push((await sessions.issue(userId, { appid: 'wx1' })).token)
    await restore.noteErased('erased', NOW_MS)
    await store.claimCode('code', NOW_MS)
    await restore.endAll()
    for (const token of tokens) await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_invalid' })
    expect(await sessions.list(users[0] ?? '')).toEqual([])
    expect(await restore.listErased({ skip: 0, limit: 10 })).toHaveLength(1)
    expect(await store.claimCode('code', NOW_MS)).not.toBe('claimed')
    const again = await sessions.issue(users[0] ?? '', { appid: 'wx1' })
    expect(await sessions.get(again.token)).toEqual(again.session)
  })
}

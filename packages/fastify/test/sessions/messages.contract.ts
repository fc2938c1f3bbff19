import { describe, expect, it } from 'vitest'
import { MESSAGE_CLAIM_MS, MESSAGE_IN_PROGRESS_MS } from '../../src/sessions/session-store.ts'
import type { OpenedSessionStore } from './opened-session-store.ts'

const NOW_MS = Date.now()

/** What every SessionStore does about messages of WeChat's push. */
export function messagesContract(open: () => Promise<OpenedSessionStore>): void {
  describe('a pushed message', () => {
    it('a pushed message is claimed by one of many callers at the same time', async () => {
      const { store } = await open()
      const claims = await Promise.all(Array.from({ length: 20 }, (_, i) => store.claimMessage('m', `c${i}`, NOW_MS)))
      expect(claims.toSorted()).toEqual(['claimed', ...Array(19).fill('in_progress')])
      expect(await store.claimMessage('another', 'c', NOW_MS)).toBe('claimed')
    })

    it('a pushed message that was settled counts as used for as long as it might be sent again', async () => {
      const { store } = await open()
      await store.claimMessage('m', 'c1', NOW_MS)
      await store.settleMessage('m', NOW_MS + 10)
      for (const afterMs of [10, MESSAGE_IN_PROGRESS_MS + 10, MESSAGE_CLAIM_MS]) {
        expect(await store.claimMessage('m', 'c2', NOW_MS + afterMs)).toBe('used')
      }
      await store.releaseMessage('m', 'c1')
      expect(await store.claimMessage('m', 'c2', NOW_MS + 10)).toBe('used')
    })

    it('a pushed message that was released can be claimed again at once, and only its claimant can release it', async () => {
      const { store } = await open()
      await store.claimMessage('m', 'c1', NOW_MS)
      await store.releaseMessage('m', 'c2')
      expect(await store.claimMessage('m', 'c2', NOW_MS)).toBe('in_progress')
      await store.releaseMessage('m', 'c1')
      expect(await store.claimMessage('m', 'c2', NOW_MS)).toBe('claimed')
    })

    it('a pushed message that is settled or released changes nothing about another one of the same claimant', async () => {
      const { store } = await open()
      for (const digest of ['m1', 'm2', 'm3']) await store.claimMessage(digest, 'c1', NOW_MS)
      await store.settleMessage('m1', NOW_MS)
      await store.releaseMessage('m2', 'c1')
      const claims = []
      for (const digest of ['m1', 'm2', 'm3']) claims.push(await store.claimMessage(digest, 'c2', NOW_MS))
      expect(claims).toEqual(['used', 'claimed', 'in_progress'])
    })

    it('a pushed message is not mixed up with a login code of the same digest', async () => {
      const { store } = await open()
      await store.claimMessage('m', 'c1', NOW_MS)
      await store.settleMessage('m', NOW_MS)
      expect(await store.claimCode('m', NOW_MS)).toBe('claimed')
    })

    it('a pushed message cannot be claimed while the store is away', async () => {
      const { store, breakDown } = await open()
      await breakDown()
      const unavailable = { code: 'store_unavailable' }
      await expect(store.claimMessage('m', 'c1', NOW_MS)).rejects.toMatchObject(unavailable)
      await expect(store.settleMessage('m', NOW_MS)).rejects.toMatchObject(unavailable)
      await expect(store.releaseMessage('m', 'c1')).rejects.toMatchObject(unavailable)
    })
  })
}

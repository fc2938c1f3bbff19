import { hash, randomUUID } from 'node:crypto'
import { ApiError } from '../api-error.ts'
import type { SessionStore } from './session-store.ts'

/** A login code that this process alone may exchange, as {@link SingleUse.spendCode} hands it out. */
export interface ClaimedCode {
  digest: string
  /** Whether a session was made with the code, which settled it. */
  isSettled: boolean
}

/** What may happen only once, in all processes together: exchanging a login code, and handling a message of WeChat. */
export interface SingleUse {
  /**
   * Runs `exchange` unless the code was seen before, here or in another process. An `exchange` that makes a session hands the claimed
   * code to `issue`.
   *
   * @throws ApiError `login_in_progress`, `code_used`, `store_unavailable`, or what `exchange` throws
   */
  spendCode<T>(appid: string, code: string, exchange: (claimed: ClaimedCode) => Promise<T>): Promise<T>
  /**
   * Runs `handle` unless this message of WeChat's push was handled before, here or in another process. When `handle` rejects, the
   * message counts as not handled.
   *
   * @param message the whole text
   * @returns whether `handle` ran
   * @throws ApiError `store_unavailable`, also while another process handles the same message; and what `handle` throws
   */
  handleMessage(appid: string, message: string, handle: () => Promise<void>): Promise<boolean>
}

/** Claims login codes and messages in the store of sessions, so that no other request or process works on the same one. */
export function createSingleUse({ store, now }: { store: SessionStore; now: () => number }): SingleUse {
  return {
    async spendCode(appid, code, exchange) {
      const digest = hash('sha256', JSON.stringify([appid, code]), 'base64url')
      const claim = await store.claimCode(digest, now())
      if (claim === 'in_progress') {
        throw new ApiError('login_in_progress', 'the code is being exchanged', {
          detail: 'this code is being exchanged by another request',
        })
      }
      if (claim === 'used') {
        throw new ApiError('code_used', 'the code was seen before', {
          detail: 'this code was used before: call wx.login for a new one',
        })
      }
      const claimed: ClaimedCode = { digest, isSettled: false }
      try {
        return await exchange(claimed)
      } finally {
        // A claim that stays unsettled turns into a used one by itself, so this may fail.
        if (!claimed.isSettled) await store.settleCode(digest).catch(() => {})
      }
    },

    async handleMessage(appid, message, handle) {
      const digest = hash('sha256', JSON.stringify([appid, message]), 'base64url')
      const claimant = randomUUID()
      const claim = await store.claimMessage(digest, claimant, now())
      if (claim === 'used') return false
      if (claim === 'in_progress') {
        throw new ApiError('store_unavailable', 'another request handles the same message', { retryAfterSeconds: 5 })
      }
      try {
        await handle()
        await store.settleMessage(digest, now())
      } catch (error) {
        // A claim that stays ends by itself, so this may fail.
        await store.releaseMessage(digest, claimant).catch(() => {})
        throw error
      }
      return true
    },
  }
}

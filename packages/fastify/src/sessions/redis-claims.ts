import { randomUUID } from 'node:crypto'
import type { RedisClient } from '../redis.ts'
import type { SessionScripts } from './redis-scripts.ts'
import {
  CODE_CLAIM_MS,
  CODE_IN_PROGRESS_MS,
  MESSAGE_CLAIM_MS,
  MESSAGE_IN_PROGRESS_MS,
  type SessionStore,
} from './session-store.ts'

/** The part of the session store that knows what was used before: login codes, and messages that WeChat pushed. */
export type RedisClaims = Pick<
  SessionStore,
  'claimCode' | 'settleCode' | 'claimMessage' | 'settleMessage' | 'releaseMessage'
>

/** A claim is a key of its own, which Redis lets expire. Its value is `used`, or names the claimant. */
export function createRedisClaims(o: { redis: RedisClient; scripts: SessionScripts; keyPrefix: string }): RedisClaims {
  const { redis, scripts, keyPrefix } = o
  const codeKey = (digest: string) => `${keyPrefix}c:${digest}`
  const messageKey = (digest: string) => `${keyPrefix}p:${digest}`

  return {
    async claimCode(digest, nowMs) {
      const [key, claimant] = [codeKey(digest), randomUUID()]
      // Nearly always nobody has claimed the code: then one SET does what the script would do, and costs both sides less.
      if ((await redis.set(key, formatClaim(nowMs, claimant), 'PX', CODE_CLAIM_MS, 'NX')) !== null) return 'claimed'
      return scripts.weappAuthClaimCode(key, nowMs, CODE_IN_PROGRESS_MS, claimant)
    },

    async settleCode(digest) {
      await redis.set(codeKey(digest), 'used', 'KEEPTTL', 'XX')
    },

    async claimMessage(digest, claimant) {
      const key = messageKey(digest)
      if ((await redis.set(key, claimant, 'PX', MESSAGE_IN_PROGRESS_MS, 'NX')) !== null) return 'claimed'
      const claim = await redis.get(key)
      if (claim === 'used') return 'used'
      // The client sends a command again when the connection breaks before the answer.
      return claim === claimant ? 'claimed' : 'in_progress'
    },

    async settleMessage(digest) {
      await redis.set(messageKey(digest), 'used', 'PX', MESSAGE_CLAIM_MS)
    },

    async releaseMessage(digest, claimant) {
      await scripts.weappAuthUnmarkUser(messageKey(digest), claimant)
    },
  }
}

/** The script that compares claims reads this form. */
function formatClaim(nowMs: number, claimant: string): string {
  return `${nowMs} ${claimant}`
}

import { ApiError } from '../api-error.ts'
import { checkWhole, readIndex } from './redis-index.ts'
import { inStepsWhereSlotMoves, type RedisPlace, ttlOf } from './redis-place.ts'
import { formatRecord, parseRecord } from './redis-record.ts'
import type { SessionStore } from './session-store.ts'
import { markOfBlock, markOfExternalId } from './user-mark.ts'

/** A session that other requests use at the same moment is read again, up to this many times. */
const REWRITE_ATTEMPTS = 20

/**
 * What happens to the sessions of a user who is changed: the user's mark, which `create` compares with a new session, and the
 * externalId in the sessions that are there.
 *
 * @param channel where the scripts publish the ids of sessions that have changed
 */
export function createRedisUserChanges(
  place: RedisPlace,
  channel: string,
): Pick<SessionStore, 'block' | 'unblock' | 'setExternalId'> {
  const { redis, scripts, read, recordKey, indexKey, markKey } = place

  return {
    async block(userId, blockId, until) {
      await redis.set(markKey(userId), markOfBlock(blockId), 'PX', ttlOf(until))
    },

    async unblock(userId, blockId) {
      await scripts.weappAuthUnmarkUser(markKey(userId), markOfBlock(blockId))
    },

    async setExternalId(userId, externalId, lifetime) {
      // The mark first: a session that is made after it has the new externalId, and the sessions made before are rewritten.
      await scripts.weappAuthMarkUser(markKey(userId), markOfExternalId(externalId), ttlOf(lifetime))
      for (let attempt = 0; attempt < REWRITE_ATTEMPTS; attempt++) {
        if ((await rewriteExternalId(userId, externalId)) > 0) continue
        return checkWhole(await readIndex(scripts, indexKey(userId)), lifetime)
      }
      throw new ApiError('store_unavailable', "the user's sessions were in use all the time", { retryAfterSeconds: 1 })
    },
  }

  /** Returns how many sessions were left out, because another request used them between reading and writing. */
  async function rewriteExternalId(userId: string, externalId: string | null): Promise<number> {
    /** What the script needs of each session. */
    const changes: [key: string, id: string, value: string, newValue: string][] = []
    for (const { id } of (await readIndex(scripts, indexKey(userId))).entries) {
      const key = recordKey(userId, id)
      const value = await read(key)
      const found = value === null ? null : parseRecord(id, value)
      if (value === null || !found || 'revoked' in found) continue
      const { externalId: before = null, ...record } = found
      if (before === externalId) continue
      changes.push([key, id, value, formatRecord({ ...record, ...(externalId !== null && { externalId }) })])
    }
    if (changes.length === 0) return 0
    const keys = changes.map(([key]) => key)
    return inStepsWhereSlotMoves(
      () => scripts.weappAuthRewrite(keys.length, ...keys, channel, ...changes.flatMap(([, ...rest]) => rest)),
      async () => {
        const left = changes.map(([key, ...rest]) => scripts.weappAuthRewrite(1, key, channel, ...rest))
        return (await Promise.all(left)).reduce((sum, each) => sum + each, 0)
      },
    )
  }
}

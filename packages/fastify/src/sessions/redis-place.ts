import { isCluster, type RedisClient } from '../redis.ts'
import { reasonOf } from '../store-failure.ts'
import { batchReads } from './batch-reads.ts'
import { defineSessionScripts, type SessionScripts } from './redis-scripts.ts'
import type { ChangeLifetime } from './session-store.ts'
import { bucketOf } from './token.ts'

/** One Redis and one prefix: the scripts, and the key of each thing that the store keeps there. */
export interface RedisPlace {
  redis: RedisClient
  scripts: SessionScripts
  /** Reads one key. Where there is no cluster, all reads of one turn of the event loop are one command. */
  read(key: string): Promise<string | null>
  recordKey(userId: string, id: string): string
  /** The same key, for a caller that knows the bucket of the user only. */
  recordKeyIn(bucket: string, id: string): string
  indexKey(userId: string): string
  markKey(userId: string): string
}

/**
 * Makes a {@link RedisPlace}. The braces in a key make the bucket the hash tag: the keys of one user lie on one slot.
 *
 * @param warn is told what an operator should change about the client
 * @throws TypeError for a prefix or a client that cannot be used
 */
export function createRedisPlace(redis: RedisClient, keyPrefix: string, warn: (message: string) => void): RedisPlace {
  checkClient(redis, warn)
  if (/[{}]/.test(keyPrefix)) throw new TypeError('keyPrefix must not contain braces: they choose the cluster slot')
  // With the default prefix 60 characters: one more, and Redis takes 16 bytes more for each session.
  const recordKeyIn = (bucket: string, id: string) => `${keyPrefix}{${bucket}}:${id}`
  return {
    redis,
    scripts: defineSessionScripts(redis),
    // In a cluster the keys of a batch lie on different nodes.
    read: isCluster(redis) ? (key) => redis.get(key) : batchReads((keys: string[]) => redis.mget(keys)),
    recordKey: (userId, id) => recordKeyIn(bucketOf(userId), id),
    recordKeyIn,
    indexKey: (userId) => `${keyPrefix}u{${bucketOf(userId)}}:${userId}`,
    markKey: (userId) => `${keyPrefix}m{${bucketOf(userId)}}:${userId}`,
  }
}

function checkClient(redis: RedisClient, warn: (message: string) => void): void {
  if (redis.options.keyPrefix)
    throw new TypeError('redis must not have a keyPrefix of its own: use the option keyPrefix')
  if (!isCluster(redis)) return
  const { scaleReads = 'master', enableAutoPipelining } = redis.options
  // A replica may not know yet that a session was ended.
  if (scaleReads !== 'master')
    throw new TypeError("redis must read from masters: leave out the option scaleReads, or set it to 'master'")
  if (enableAutoPipelining)
    warn('requests will fail while a slot moves: create the Cluster client without enableAutoPipelining')
}

/** How long a key is kept, in milliseconds. Redis takes no lifetime of 0. */
export function ttlOf({ nowMs, expiresAtMs }: ChangeLifetime): number {
  return Math.max(1, expiresAtMs - nowMs)
}

/**
 * Runs `atOnce`, one script for all keys. Redis refuses that where the keys lie on two servers because their slot is moving:
 * then runs `inSteps`, which must need one key for each command.
 */
export async function inStepsWhereSlotMoves<T>(atOnce: () => Promise<T>, inSteps: () => Promise<T>): Promise<T> {
  try {
    return await atOnce()
  } catch (error) {
    if (!/\b(TRYAGAIN|ASK|MOVED)\b/.test(reasonOf(error))) throw error
    return inSteps()
  }
}

import { randomUUID } from 'node:crypto'
import type { Device, RevocationReason } from '@weapp-auth/shared'
import type { Cluster, Redis } from 'ioredis'
import { guardStore } from '../store-failure.ts'
import { batchReads } from './batch-reads.ts'
import { cacheSessionStore } from './cached-store.ts'
import { hearEndedSessions } from './redis-ended-sessions.ts'
import { CLAIM_CODE, CREATE, LIST, REVOKE, REVOKE_ALL, TOUCH } from './redis-scripts.ts'
import {
  CODE_CLAIM_MS,
  CODE_IN_PROGRESS_MS,
  type CodeClaim,
  type SessionRecord,
  type SessionStore,
  type Tombstone,
} from './session-store.ts'
import { bucketOf } from './token.ts'

export interface RedisSessionStoreOptions {
  /**
   * A client of yours: connect it, close it, and give it deadlines. ioredis waits for ever by default; for answers
   * within 300 ms set `commandTimeout: 300`, `enableOfflineQueue: false` and `maxRetriesPerRequest: 1`, and
   * `socketTimeout: 1000` so that a connection lost without a word is given up.
   */
  redis: Redis | Cluster
  /** Default `weapp-auth:`. Use this and not the client's own `keyPrefix`, which scripts do not see. */
  keyPrefix?: string
  /**
   * How long this process may believe that a session lives without asking again, in milliseconds. Default 0: it asks each
   * time. Ended sessions are heard of at once, over a second connection that is made like `redis`; this is how long one
   * lives on at most where the message was lost. While that connection is away, nothing is cached.
   */
  cacheMs?: number
  /** Told when the cache cannot work. Default: nobody. */
  warn?: (message: string) => void
}

/**
 * Sessions in Redis or Valkey, 6.2 or newer, for any number of processes.
 *
 * A session is one string at `<prefix>{<bucket>}:<id>`, and each user has an index of theirs, a sorted set at
 * `<prefix>u{<bucket>}:<userId>` scored by expiry. They begin differently because callers choose ids. The braces make the
 * bucket the hash tag: what one script touches lies on one slot. Values are strings and never hashes, because a late
 * HSET would bring a dead session back.
 */
export function createRedisSessionStore(options: RedisSessionStoreOptions): SessionStore {
  const { redis, keyPrefix = 'weapp-auth:', cacheMs = 0, warn = () => {} } = options
  if (redis.options.keyPrefix)
    throw new TypeError('redis must not have a keyPrefix of its own: use the option keyPrefix')
  // A replica may not know yet that a session was ended.
  if ('scaleReads' in redis.options && redis.options.scaleReads !== 'master')
    throw new TypeError("redis must read from masters: leave out the option scaleReads, or set it to 'master'")
  if (/[{}]/.test(keyPrefix)) throw new TypeError('keyPrefix must not contain braces: they choose the cluster slot')
  const guarded = guardStore('the session store (Redis)')
  const run = defineScripts(redis)
  // With the default prefix 60 characters: one more, and Redis takes 16 bytes more for each session.
  const sessionsOf = (bucket: string) => `${keyPrefix}{${bucket}}:`
  const indexOf = (userId: string) => `${keyPrefix}u{${bucketOf(userId)}}:${userId}`
  const channel = `${keyPrefix}ended`
  const codeKey = (digest: string) => `${keyPrefix}c:${digest}`

  // In a cluster the keys of a batch lie on different nodes.
  const read = 'nodes' in redis ? (key: string) => redis.get(key) : batchReads((keys: string[]) => redis.mget(keys))

  const store: SessionStore = {
    create: guarded(async (record, { nowMs, expiresAtMs }, { limit = 0, replaces = '' } = {}) => {
      const { id, userId } = record
      const sessions = sessionsOf(bucketOf(userId))
      const ttlMs = Math.max(1, expiresAtMs - nowMs)
      const lifetime = [ttlMs, expiresAtMs, nowMs] as const
      const room = [channel, userId, limit, replaces] as const
      return run.weappAuthCreate(sessions + id, indexOf(userId), id, format(record), ...lifetime, sessions, ...room)
    }),
    find: guarded(async ({ id, bucket }) => {
      const value = await read(sessionsOf(bucket) + id)
      return value === null ? null : parse(id, value)
    }),
    touch: guarded(async (record, { nowMs, expiresAtMs }) => {
      const key = sessionsOf(bucketOf(record.userId)) + record.id
      const ttlMs = Math.max(1, expiresAtMs - nowMs)
      return (
        (await run.weappAuthTouch(key, indexOf(record.userId), record.id, format(record), ttlMs, expiresAtMs)) === 1
      )
    }),
    revoke: guarded(async (userId, sessionId, { nowMs, reason }) => {
      const key = sessionsOf(bucketOf(userId)) + sessionId
      return (await run.weappAuthRevoke(key, indexOf(userId), sessionId, userId, reason, nowMs, channel)) === 1
    }),
    revokeAll: guarded((userId, { nowMs, reason, except = '' }) =>
      run.weappAuthRevokeAll(indexOf(userId), sessionsOf(bucketOf(userId)), reason, nowMs, except, channel),
    ),
    list: guarded(async (userId) => {
      const found = await run.weappAuthList(indexOf(userId), sessionsOf(bucketOf(userId)))
      const records: SessionRecord[] = []
      for (let i = 0; i < found.length; i += 2) {
        const record = parse(found[i] ?? '', found[i + 1] ?? '')
        if (!('revoked' in record)) records.push(record)
      }
      return records.sort((a, b) => a.createdAtMs - b.createdAtMs)
    }),
    claimCode: guarded((digest, nowMs) =>
      run.weappAuthClaimCode(codeKey(digest), nowMs, CODE_CLAIM_MS, CODE_IN_PROGRESS_MS, randomUUID()),
    ),
    settleCode: guarded(async (digest) => {
      await redis.set(codeKey(digest), 'used', 'KEEPTTL', 'XX')
    }),
    ping: guarded(async () => {
      // A write: a replica, and a server without memory to spare, answer PING and can start no session.
      await redis.set(`${keyPrefix}ping`, '1', 'PX', 1_000)
    }),
    async close() {},
  }
  if (cacheMs === 0) return store
  return cacheSessionStore({ store, maxAgeMs: cacheMs, ended: hearEndedSessions({ redis, channel, warn }) })
}

/** By their place and not by their names, for the same reason. Others are added at the end. */
const DEVICE_FIELDS = ['platform', 'model', 'system', 'wechatVersion', 'sdkVersion'] as const

/** Short names, because a million sessions hold them a million times. A session not used yet needs no second time. */
function format({ userId, appid, createdAtMs, lastSeenMs, device }: SessionRecord): string {
  const l = lastSeenMs === createdAtMs ? undefined : lastSeenMs
  const d = device && DEVICE_FIELDS.map((field) => device[field] ?? 0)
  return JSON.stringify({ u: userId, a: appid, c: createdAtMs, l, d })
}

function parse(id: string, value: string): SessionRecord | Tombstone {
  const { r, e, u, a, c, l = c, d } = JSON.parse(value)
  if (r !== undefined) return { revoked: r as RevocationReason, expiresAtMs: e }
  return { id, userId: u, appid: a, createdAtMs: c, lastSeenMs: l, ...(d && { device: parseDevice(d) }) }
}

function parseDevice(texts: unknown[]): Device {
  return Object.fromEntries(DEVICE_FIELDS.map((field, i) => [field, texts[i]]).filter(([, text]) => text !== 0))
}

interface Scripts {
  weappAuthCreate(
    ...args: [string, string, string, string, number, number, number, string, string, string, number, string]
  ): Promise<string[]>
  weappAuthTouch(...args: [string, string, string, string, number, number]): Promise<number>
  weappAuthRevoke(...args: [string, string, string, string, string, number, string]): Promise<number>
  weappAuthRevokeAll(...args: [string, string, string, number, string, string]): Promise<number>
  weappAuthList(...args: [string, string]): Promise<string[]>
  weappAuthClaimCode(...args: [string, number, number, number, string]): Promise<CodeClaim>
}

/** ioredis sends the digest of a script, and its text once more where a server does not know it yet. */
function defineScripts(redis: Redis | Cluster): Scripts {
  redis.defineCommand('weappAuthCreate', { numberOfKeys: 2, lua: CREATE })
  redis.defineCommand('weappAuthTouch', { numberOfKeys: 2, lua: TOUCH })
  redis.defineCommand('weappAuthRevoke', { numberOfKeys: 2, lua: REVOKE })
  redis.defineCommand('weappAuthRevokeAll', { numberOfKeys: 1, lua: REVOKE_ALL })
  redis.defineCommand('weappAuthList', { numberOfKeys: 1, lua: LIST })
  redis.defineCommand('weappAuthClaimCode', { numberOfKeys: 1, lua: CLAIM_CODE })
  return redis as unknown as Scripts
}

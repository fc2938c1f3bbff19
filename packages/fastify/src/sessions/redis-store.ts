import { randomUUID } from 'node:crypto'
import type { Device, RevocationReason } from '@weapp-auth/shared'
import { ApiError } from '../api-error.ts'
import { isCluster, type RedisClient } from '../redis.ts'
import { type GuardMethod, guardStore, reasonOf } from '../store-failure.ts'
import { explainOtherWorld, type World } from '../world.ts'
import { batchReads } from './batch-reads.ts'
import { cacheSessionStore } from './cached-store.ts'
import { hearEndedSessions } from './redis-ended-sessions.ts'
import { watchEvictionPolicy } from './redis-eviction.ts'
import { defineSessionScripts } from './redis-scripts.ts'
import {
  CODE_CLAIM_MS,
  CODE_IN_PROGRESS_MS,
  type Lifetime,
  type SessionRecord,
  type SessionStore,
  type Tombstone,
} from './session-store.ts'
import { bucketOf } from './token.ts'

/** Options of {@link createRedisSessionStore}. */
export interface RedisSessionStoreOptions {
  /**
   * A client of yours: connect it, close it, and give it deadlines. ioredis waits for ever by default; for answers
   * within 300 ms set `commandTimeout: 300`, `enableOfflineQueue: false` and `maxRetriesPerRequest: 1`, and
   * `socketTimeout: 1000` so that a connection lost without a word is given up.
   */
  redis: RedisClient
  /** Default `weapp-auth:`. Use this and not the client's own `keyPrefix`, which scripts do not see. */
  keyPrefix?: string
  /**
   * How long this process may believe that a session lives without asking again, in milliseconds. Default 0: it asks each
   * time. A message tells at once that a session ended, over a second connection that is made like `redis`; `cacheMs` is how
   * long a session lives on at most where the message was lost. While that connection is away, nothing is cached.
   */
  cacheMs?: number
  /** Whose sessions these are; keys of the other world are refused. Default `real`. */
  world?: World
  /** Told, once each, what an operator should change about Redis. Default: nobody. */
  warn?: (message: string) => void
}

/** How many sessions of one user are ended at once, so that a user with thousands does not hold up everybody else. */
const END_AT_ONCE = 100

/**
 * Sessions in Redis or Valkey, 6.2 or newer, for any number of processes.
 *
 * A session is one string at `<prefix>{<bucket>}:<id>`, and each user has an index, a sorted set at
 * `<prefix>u{<bucket>}:<userId>` scored by expiry. They begin differently because callers choose ids. The braces make the
 * bucket the hash tag: the keys of one user lie on one slot. Values are strings and never hashes, because a late HSET would
 * bring a dead session back.
 *
 * While a slot of a cluster moves, a script may be refused because its keys lie on two servers. Then the same is done in
 * steps of one key each, in an order in which a crash between two steps leaves no session alive that is not in its index.
 */
export function createRedisSessionStore(options: RedisSessionStoreOptions): SessionStore {
  const { redis, keyPrefix = 'weapp-auth:', cacheMs = 0, world = 'real', warn = () => {} } = options
  checkClient(redis, warn)
  if (/[{}]/.test(keyPrefix)) throw new TypeError('keyPrefix must not contain braces: they choose the cluster slot')
  const scripts = defineSessionScripts(redis)
  const refuseOtherWorld = createWorldCheck(redis, keyPrefix, world)
  const evictions = watchEvictionPolicy(redis, warn)
  const guard = guardStore('the session store (Redis)')
  const guarded: GuardMethod = (method) =>
    // No async function: on the guard's path each one costs a promise more.
    guard((...args) => (refuseOtherWorld.isDone() ? method(...args) : refuseOtherWorld().then(() => method(...args))))
  // With the default prefix 60 characters: one more, and Redis takes 16 bytes more for each session.
  const recordKey = (userId: string, id: string) => `${keyPrefix}{${bucketOf(userId)}}:${id}`
  const indexKey = (userId: string) => `${keyPrefix}u{${bucketOf(userId)}}:${userId}`
  const codeKey = (digest: string) => `${keyPrefix}c:${digest}`
  const channel = `${keyPrefix}ended`
  // In a cluster the keys of a batch lie on different nodes.
  const read = isCluster(redis) ? (key: string) => redis.get(key) : batchReads((keys: string[]) => redis.mget(keys))

  const store: SessionStore = {
    create: guarded(async (record, lifetime, { limit = 0, replaces } = {}) => {
      const { userId } = record
      const { count, ended, expired } = await create(record, lifetime, replaces)
      // The session is there, and the sign-in succeeds: what cannot be tidied up now is tidied up by the next one.
      await forgetExpired(userId, expired).catch(() => {})
      const isOver = limit > 0 && count > limit
      return [...ended, ...(isOver ? await makeRoom(record, lifetime.nowMs, limit).catch(() => []) : [])]
    }),
    find: guarded(async ({ id, bucket }) => {
      const value = await read(`${keyPrefix}{${bucket}}:${id}`)
      return value === null ? null : parse(id, value)
    }),
    touch: guarded(async (record, { nowMs, expiresAtMs }) => {
      const { id, userId } = record
      const [session, index] = [recordKey(userId, id), indexKey(userId)]
      const ttlMs = ttlOf({ nowMs, expiresAtMs })
      const rest = [id, format(record), ttlMs, expiresAtMs] as const
      const isAlive = await inStepsWhereSlotMoves(
        () => scripts.weappAuthTouch(2, session, index, ...rest),
        async () => {
          // The index first: it must not expire before the session.
          await scripts.weappAuthIndex(index, id, ttlMs, expiresAtMs)
          return scripts.weappAuthTouch(1, session, ...rest)
        },
      )
      return isAlive === 1
    }),
    revoke: guarded((userId, sessionId, { nowMs, reason }) => end(userId, { id: sessionId }, nowMs, reason)),
    revokeAll: guarded(async (userId, { nowMs, reason, except }) => {
      const entries = await entriesOf(userId)
      if (except !== undefined) await checkIndex(userId, entries, except)
      const others = entries.filter(({ id }) => id !== except)
      let revoked = 0
      for (let i = 0; i < others.length; i += END_AT_ONCE) {
        const ended = others.slice(i, i + END_AT_ONCE).map((entry) => end(userId, entry, nowMs, reason))
        revoked += (await Promise.all(ended)).filter(Boolean).length
      }
      return revoked
    }),
    list: guarded(async (userId) => {
      const sessions = await readSessions(userId, await entriesOf(userId))
      return sessions.flatMap(({ record }) => record ?? []).sort((a, b) => a.createdAtMs - b.createdAtMs)
    }),
    claimCode: guarded((digest, nowMs) =>
      scripts.weappAuthClaimCode(codeKey(digest), nowMs, CODE_CLAIM_MS, CODE_IN_PROGRESS_MS, randomUUID()),
    ),
    settleCode: guarded(async (digest) => {
      await redis.set(codeKey(digest), 'used', 'KEEPTTL', 'XX')
    }),
    ping: guarded(async () => {
      // A write: a replica, and a server without memory to spare, answer PING and can start no session.
      await redis.set(`${keyPrefix}ping`, '1', 'PX', 1_000)
    }),
    findWarnings: () => evictions.warnings(),
    async close() {},
  }
  if (cacheMs === 0) return store
  return cacheSessionStore({ store, maxAgeMs: cacheMs, ended: hearEndedSessions({ redis, channel, warn }) })

  /** Writes a session and its index entry; `count` is how many entries the index has then. */
  async function create(record: SessionRecord, { nowMs, expiresAtMs }: Lifetime, replaces?: string) {
    const { id, userId } = record
    const [session, index, value] = [recordKey(userId, id), indexKey(userId), format(record)]
    const ttlMs = ttlOf({ nowMs, expiresAtMs })
    const keys = [session, index, ...(replaces === undefined ? [] : [recordKey(userId, replaces)])]
    const rest = [id, value, ttlMs, expiresAtMs, nowMs, ownerOf(userId), channel, replaces ?? ''] as const
    return inStepsWhereSlotMoves(
      async () => {
        const [count, didReplace, ...expired] = await scripts.weappAuthCreate(keys.length, ...keys, ...rest)
        return { count, ended: didReplace && replaces !== undefined ? [replaces] : [], expired }
      },
      async () => {
        // The session first: until the caller has its token, nobody can use it.
        if ((await redis.set(session, value, 'PX', ttlMs, 'NX')) === null) {
          throw new ApiError('store_unavailable', 'the session was made by an earlier attempt and may have ended since')
        }
        const count = await scripts.weappAuthIndex(index, id, ttlMs, expiresAtMs)
        const didReplace = replaces !== undefined && (await end(userId, { id: replaces }, nowMs, 'replaced'))
        return { count: count - Number(didReplace), ended: didReplace ? [replaces] : [], expired: [] }
      },
    )
  }

  /** Ends the oldest sessions of a user who has more than `limit`, and says which. */
  async function makeRoom({ id, userId }: SessionRecord, nowMs: number, limit: number): Promise<string[]> {
    const sessions = await readSessions(userId, await entriesOf(userId))
    const gone = sessions.flatMap(({ entry, record }) => (record ? [] : entry.id))
    if (gone.length > 0) await redis.zrem(indexKey(userId), ...gone)
    const alive = sessions.flatMap(({ entry, record }) => (record && entry.expiresAtMs > nowMs ? record : []))
    // Not the new one: it has the earliest time when the clock of this process is slow.
    const oldest = alive.filter((record) => record.id !== id).sort((a, b) => a.createdAtMs - b.createdAtMs)
    const surplus = oldest.slice(0, Math.max(0, alive.length - limit))
    // Sign-ins at the same time see the same surplus, so each of these looks again how many there are.
    const didEnd = await Promise.all(surplus.map((record) => end(userId, record, nowMs, 'limit', limit)))
    return surplus.flatMap(({ id }, i) => (didEnd[i] ? id : []))
  }

  /** Takes ids off the index whose sessions Redis has let go; the clock of a caller, which may be wrong, does not decide that. */
  async function forgetExpired(userId: string, ids: readonly string[]): Promise<void> {
    const values = await Promise.all(ids.map((id) => read(recordKey(userId, id))))
    const gone = ids.filter((_, i) => values[i] === null)
    if (gone.length > 0) await redis.zrem(indexKey(userId), ...gone)
  }

  /** Ends one session; true when it was alive at `nowMs`. With a `limit` only while the user has more sessions than that. */
  async function end(
    userId: string,
    { id, expiresAtMs }: { id: string; expiresAtMs?: number },
    nowMs: number,
    reason: RevocationReason,
    limit?: number,
  ): Promise<boolean> {
    const [session, index] = [recordKey(userId, id), indexKey(userId)]
    const rest = [id, ownerOf(userId), reason, nowMs, channel] as const
    const didEnd = await inStepsWhereSlotMoves(
      () =>
        scripts.weappAuthEnd(2, session, index, ...rest, expiresAtMs ?? '', ...(limit === undefined ? [] : [limit])),
      async () => {
        const entry = expiresAtMs === undefined && (await entriesOf(userId)).find((entry) => entry.id === id)
        const answer = await scripts.weappAuthEnd(1, session, ...rest, expiresAtMs ?? (entry ? entry.expiresAtMs : ''))
        // The session first: while it lives it has to be in its index.
        await redis.zrem(index, id)
        return answer
      },
    )
    return didEnd === 1
  }

  async function entriesOf(userId: string): Promise<{ id: string; expiresAtMs: number }[]> {
    const flat = await scripts.weappAuthEntries(indexKey(userId))
    return flat.flatMap((id, i) => (i % 2 === 0 ? { id, expiresAtMs: Number(flat[i + 1]) } : []))
  }

  /** An index without a session that lives was evicted: there may be others that nobody can find any more. */
  async function checkIndex(userId: string, entries: readonly { id: string }[], id: string): Promise<void> {
    if (entries.some((entry) => entry.id === id)) return
    const [own] = await readSessions(userId, [{ id }])
    if (own?.record?.userId !== userId) return
    const message = "the list of this user's sessions was evicted from Redis, and not all of them can be ended"
    throw new ApiError('store_unavailable', `${message}: set maxmemory-policy to noeviction`, { retryAfterSeconds: 60 })
  }

  /** What is stored of each; `record` is null for one that has ended. A read of one key is exact also while its slot moves. */
  function readSessions<E extends { id: string }>(userId: string, entries: readonly E[]) {
    return Promise.all(
      entries.map(async (entry) => {
        const value = await read(recordKey(userId, entry.id))
        const found = value === null ? null : parse(entry.id, value)
        return { entry, record: found && !('revoked' in found) ? found : null }
      }),
    )
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

/** Resolves when the keys of this prefix belong to `world`, which the first store to use them has marked. */
function createWorldCheck(redis: RedisClient, keyPrefix: string, world: World) {
  const key = `${keyPrefix}world`
  let isDone = false
  const check = async () => {
    // Written only where nothing is yet: a server that takes no writes lets those who are signed in through.
    let found = await redis.get(key)
    if (found === null) {
      await redis.set(key, world, 'NX')
      found = await redis.get(key)
    }
    isDone = found === world
    if (isDone || found === null) return
    throw new ApiError('store_unavailable', explainOtherWorld(`Redis (${keyPrefix}*)`, found, world))
  }
  return Object.assign(check, { isDone: () => isDone })
}

function ttlOf({ nowMs, expiresAtMs }: Lifetime): number {
  return Math.max(1, expiresAtMs - nowMs)
}

/** Runs `atOnce`, or `inSteps` of one key each where the keys lie on two servers because their slot is moving. */
async function inStepsWhereSlotMoves<T>(atOnce: () => Promise<T>, inSteps: () => Promise<T>): Promise<T> {
  try {
    return await atOnce()
  } catch (error) {
    if (!/\b(TRYAGAIN|ASK|MOVED)\b/.test(reasonOf(error))) throw error
    return inSteps()
  }
}

/** Stored by position to save memory. Only append. */
const DEVICE_FIELDS = ['platform', 'model', 'system', 'wechatVersion', 'sdkVersion'] as const

/**
 * Short names, because a million sessions hold them a million times. A session not used yet needs no second time. The user is
 * first: see {@link ownerOf}.
 */
function format({ userId, appid, createdAtMs, lastSeenMs, device }: SessionRecord): string {
  const l = lastSeenMs === createdAtMs ? undefined : lastSeenMs
  const d = device && DEVICE_FIELDS.map((field) => device[field] ?? 0)
  return JSON.stringify({ u: userId, a: appid, c: createdAtMs, l, d })
}

/** How the value of every live session of a user begins, as {@link format} writes it. */
function ownerOf(userId: string): string {
  return `{"u":${JSON.stringify(userId)},`
}

function parse(id: string, value: string): SessionRecord | Tombstone {
  const { r, e, u, a, c, l = c, d } = JSON.parse(value)
  if (r !== undefined) return { revoked: r as RevocationReason, expiresAtMs: e }
  return { id, userId: u, appid: a, createdAtMs: c, lastSeenMs: l, ...(d && { device: parseDevice(d) }) }
}

function parseDevice(texts: unknown[]): Device {
  return Object.fromEntries(DEVICE_FIELDS.map((field, i) => [field, texts[i]]).filter(([, text]) => text !== 0))
}

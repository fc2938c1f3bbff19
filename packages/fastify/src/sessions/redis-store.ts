import { ApiError } from '../api-error.ts'
import { isCluster, type RedisClient } from '../redis.ts'
import { type GuardMethod, guardStore, reasonOf } from '../store-failure.ts'
import type { World } from '../world.ts'
import { batchReads } from './batch-reads.ts'
import { cacheSessionStore } from './cached-store.ts'
import { createRedisClaims } from './redis-claims.ts'
import { watchEvictions } from './redis-eviction.ts'
import { checkWhole, type IndexEntry, indexWasEvicted, readIndex } from './redis-index.ts'
import { createRedisMessages } from './redis-messages.ts'
import { formatRecord, headOf, ownerOf, parseRecord } from './redis-record.ts'
import { defineSessionScripts, INCOMPLETE } from './redis-scripts.ts'
import { createWorldCheck } from './redis-world.ts'
import type { ChangeLifetime, Lifetime, Moment, Revocation, SessionRecord, SessionStore } from './session-store.ts'
import { bucketOf } from './token.ts'
import { markOfBlock, markOfExternalId } from './user-mark.ts'

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
/** A session that is used by others at the same moment is read again, and surely not so often. */
const REWRITE_ATTEMPTS = 20

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
  const evictions = watchEvictions(redis, warn)
  const guard = guardStore('the session store (Redis)')
  const guarded: GuardMethod = (method) =>
    // No async function: on the guard's path each one costs a promise more.
    guard((...args) => (refuseOtherWorld.isDone() ? method(...args) : refuseOtherWorld().then(() => method(...args))))
  // With the default prefix 60 characters: one more, and Redis takes 16 bytes more for each session.
  const recordKey = (userId: string, id: string) => `${keyPrefix}{${bucketOf(userId)}}:${id}`
  const indexKey = (userId: string) => `${keyPrefix}u{${bucketOf(userId)}}:${userId}`
  const markKey = (userId: string) => `${keyPrefix}m{${bucketOf(userId)}}:${userId}`
  const claims = createRedisClaims({ redis, scripts, keyPrefix })
  const messages = createRedisMessages({
    redis,
    keyPrefix,
    publish: guarded((...args) => redis.publish(...args)),
    warn,
  })
  const { endedChannel: channel } = messages
  const hasEvicted = ({ idleMs }: Moment) => (evictions.haveHappenedWithin(idleMs) ? '1' : '')
  // In a cluster the keys of a batch lie on different nodes.
  const read = isCluster(redis) ? (key: string) => redis.get(key) : batchReads((keys: string[]) => redis.mget(keys))

  const store: SessionStore = {
    create: guarded(async (record, lifetime, { limit = 0, replaces, settles } = {}) => {
      const { userId } = record
      // Not in the script: its key lies on another slot. Sent in the same turn, both are one round trip. Nobody waits for the
      // answer, because a claim that stays unsettled becomes a used one by itself.
      if (settles !== undefined) claims.settleCode(settles).catch(() => {})
      const created = await create(record, lifetime, replaces)
      if (!created) return null
      const { count, ended, expired } = created
      // The session is there, and the sign-in succeeds: what cannot be tidied up now is tidied up by the next one.
      await forgetExpired(userId, expired).catch(() => {})
      messages.tellEnded(ended)
      const isOver = limit > 0 && count > limit
      return [...ended, ...(isOver ? await makeRoom(record, lifetime, limit).catch(() => []) : [])]
    }),
    find: guarded(async ({ id, bucket }) => {
      const value = await read(`${keyPrefix}{${bucket}}:${id}`)
      return value === null ? null : parseRecord(id, value)
    }),
    touch: guarded(async (record, lifetime) => {
      for (let current = record; ; ) {
        const answer = await touch(current, lifetime)
        if (answer !== 2) return answer === 1 ? current : null
        const value = await read(recordKey(record.userId, record.id))
        const found = value === null ? null : parseRecord(record.id, value)
        if (!found || 'revoked' in found) return null
        const { externalId: _, ...rest } = current
        current = { ...rest, ...(found.externalId !== undefined && { externalId: found.externalId }) }
      }
    }),
    revoke: guarded((userId, sessionId, revocation) => end(userId, { id: sessionId }, revocation)),
    revokeAll: guarded(async (userId, { except, ...revocation }) => {
      const index = await readWholeOrMarked(userId, revocation)
      const others = index.entries.filter(({ id }) => id !== except)
      let revoked = 0
      for (let i = 0; i < others.length; i += END_AT_ONCE) {
        const ended = others.slice(i, i + END_AT_ONCE).map((entry) => end(userId, entry, revocation))
        revoked += (await Promise.all(ended)).filter(Boolean).length
      }
      // Only now: what could be found has ended, whatever the answer is.
      checkWhole(index, revocation)
      if (except !== undefined) await checkIndexed(userId, index.entries, except)
      return revoked
    }),
    list: guarded(async (userId, moment) => {
      const index = await readWholeOrMarked(userId, moment)
      checkWhole(index, moment)
      const sessions = await readSessions(userId, index.entries)
      return sessions.flatMap(({ record }) => record ?? []).sort((a, b) => a.createdAtMs - b.createdAtMs)
    }),
    block: guarded(async (userId, blockId, until) => {
      await redis.set(markKey(userId), markOfBlock(blockId), 'PX', ttlOf(until))
    }),
    unblock: guarded(async (userId, blockId) => {
      await scripts.weappAuthUnmarkUser(markKey(userId), markOfBlock(blockId))
    }),
    setExternalId: guarded(async (userId, externalId, lifetime) => {
      // The mark first: whatever session is made after it has the new externalId, and those made before are rewritten.
      await scripts.weappAuthMarkUser(markKey(userId), markOfExternalId(externalId), ttlOf(lifetime))
      for (let attempt = 0; attempt < REWRITE_ATTEMPTS; attempt++) {
        if ((await rewriteExternalId(userId, externalId)) > 0) continue
        return checkWhole(await readIndex(scripts, indexKey(userId)), lifetime)
      }
      throw new ApiError('store_unavailable', "the user's sessions were in use all the time", { retryAfterSeconds: 1 })
    }),
    claimCode: guarded(claims.claimCode),
    settleCode: guarded(claims.settleCode),
    claimMessage: guarded(claims.claimMessage),
    settleMessage: guarded(claims.settleMessage),
    releaseMessage: guarded(claims.releaseMessage),
    ping: guarded(async () => {
      // A write: a replica, and a server without memory to spare, answer PING and can start no session.
      await redis.set(`${keyPrefix}ping`, '1', 'PX', 1_000)
    }),
    findWarnings: () => evictions.warnings(),
    messages,
    async close() {
      evictions.close()
      messages.close()
    },
  }
  if (cacheMs === 0) return store
  return cacheSessionStore({ store, maxAgeMs: cacheMs, messages })

  /** 1: written; 0: the session has ended; 2: it has another externalId by now. */
  function touch(record: SessionRecord, lifetime: Lifetime): Promise<number> {
    const { id, userId } = record
    const { nowMs, idleMs, expiresAtMs } = lifetime
    const [session, index] = [recordKey(userId, id), indexKey(userId)]
    const ttlMs = ttlOf(lifetime)
    const rest = [id, formatRecord(record), ttlMs, expiresAtMs, nowMs, idleMs, headOf(record)] as const
    return inStepsWhereSlotMoves(
      () => scripts.weappAuthTouch(2, session, index, ...rest),
      async () => {
        // The index first: it must not expire before the session.
        const [, wasMissing] = await addToIndex(index, id, lifetime)
        const answer = await scripts.weappAuthTouch(1, session, ...rest)
        if (answer !== 0 && wasMissing) await scripts.weappAuthMark(index, nowMs, idleMs)
        return answer
      },
    )
  }

  /** How many sessions were left out, because they were used between the two commands. */
  async function rewriteExternalId(userId: string, externalId: string | null): Promise<number> {
    const keys: string[] = []
    const changes: string[] = []
    for (const { id } of (await readIndex(scripts, indexKey(userId))).entries) {
      const key = recordKey(userId, id)
      const value = await read(key)
      const found = value === null ? null : parseRecord(id, value)
      if (value === null || !found || 'revoked' in found || found.userId !== userId) continue
      const { externalId: before = null, ...record } = found
      if (before === externalId) continue
      keys.push(key)
      changes.push(id, value, formatRecord({ ...record, ...(externalId !== null && { externalId }) }))
    }
    if (keys.length === 0) return 0
    return inStepsWhereSlotMoves(
      () => scripts.weappAuthRewrite(keys.length, ...keys, channel, ...changes),
      async () => {
        const left = keys.map((key, i) => scripts.weappAuthRewrite(1, key, channel, ...changes.slice(3 * i, 3 * i + 3)))
        return (await Promise.all(left)).reduce((sum, each) => sum + each, 0)
      },
    )
  }

  /**
   * Writes a session and its index entry; `count` is how many entries the index has then. Null: the user's mark is another one
   * than the session agrees with.
   */
  async function create(record: SessionRecord, lifetime: Lifetime, replaces?: string) {
    const { id, userId } = record
    const { nowMs, idleMs, expiresAtMs } = lifetime
    const [session, index, value] = [recordKey(userId, id), indexKey(userId), formatRecord(record)]
    const [markedBy, agreesWith] = [markKey(userId), markOfExternalId(record.externalId)]
    const ttlMs = ttlOf(lifetime)
    const keys = [session, index, markedBy, ...(replaces === undefined ? [] : [recordKey(userId, replaces)])]
    const times = [ttlMs, expiresAtMs, nowMs, idleMs] as const
    const rest = [hasEvicted(lifetime), ownerOf(userId), channel, agreesWith, replaces ?? ''] as const
    return inStepsWhereSlotMoves(
      async () => {
        const answer = await scripts.weappAuthCreate(keys.length, ...keys, id, value, ...times, ...rest)
        const [count, didReplace, ...expired] = answer
        if (count < 0) return null
        return { count, ended: didReplace && replaces !== undefined ? [replaces] : [], expired }
      },
      async () => {
        // The session first: until the caller has its token, nobody can use it.
        if ((await redis.set(session, value, 'PX', ttlMs, 'NX')) === null) {
          throw new ApiError('store_unavailable', 'the session was made by an earlier attempt and may have ended since')
        }
        const [count] = await addToIndex(index, id, lifetime)
        // After the index: who leaves a mark ends what is in the index then.
        const mark = await redis.get(markedBy)
        if (mark !== null && mark !== agreesWith) {
          await end(userId, { id }, { nowMs, idleMs, reason: 'admin' })
          return null
        }
        const didReplace =
          replaces !== undefined && (await end(userId, { id: replaces }, { nowMs, idleMs, reason: 'replaced' }))
        return { count: count - Number(didReplace), ended: didReplace ? [replaces] : [], expired: [] }
      },
    )
  }

  /** Ends the oldest sessions of a user who has more than `limit`, and says which. */
  async function makeRoom(made: SessionRecord, { nowMs, idleMs }: Moment, limit: number): Promise<string[]> {
    const { id, userId } = made
    const { entries } = await readIndex(scripts, indexKey(userId))
    const sessions = await readSessions(userId, entries)
    const gone = sessions.flatMap(({ entry, record }) => (record ? [] : entry.id))
    if (gone.length > 0) await redis.zrem(indexKey(userId), ...gone)
    const alive = sessions.flatMap(({ entry, record }) => (record && entry.expiresAtMs > nowMs ? record : []))
    // Not the new one: it has the earliest time when the clock of this process is slow.
    const oldest = alive.filter((record) => record.id !== id).sort((a, b) => a.createdAtMs - b.createdAtMs)
    const surplus = oldest.slice(0, Math.max(0, alive.length - limit))
    // Sign-ins at the same time see the same surplus, so each of these looks again how many there are.
    const endAll = async (records: readonly SessionRecord[]): Promise<string[]> => {
      const revocation = { nowMs, idleMs, reason: 'limit' } as const
      const didEnd = await Promise.all(
        records.map((record) => end(userId, record, revocation, { limit, isOlder: isOlder(record, made) })),
      )
      return records.flatMap(({ id }, i) => (didEnd[i] ? id : []))
    }
    // The older ones first, until they are off the index: in steps of one key they leave it a moment after their end, and would be
    // counted while two sign-ins at the same time decide which of their own is too many.
    const ended = await endAll(surplus.filter((record) => isOlder(record, made)))
    return [...ended, ...(await endAll(surplus.filter((record) => !isOlder(record, made))))]
  }

  /** Takes ids off the index whose sessions Redis has let go; the clock of a caller, which may be wrong, does not decide that. */
  async function forgetExpired(userId: string, ids: readonly string[]): Promise<void> {
    const values = await Promise.all(ids.map((id) => read(recordKey(userId, id))))
    const gone = ids.filter((_, i) => values[i] === null)
    if (gone.length > 0) await redis.zrem(indexKey(userId), ...gone)
  }

  /**
   * Ends one session; true when it was alive at `nowMs`. With `room` only while the user has more sessions than the limit. In
   * steps of one key nobody can tell that at the moment of ending: then a sign-in ends only sessions older than the one it
   * made, so that sign-ins at the same time do not end each other's.
   */
  async function end(
    userId: string,
    { id, expiresAtMs }: { id: string; expiresAtMs?: number },
    { nowMs, idleMs, reason }: Revocation,
    room?: { limit: number; isOlder: boolean },
  ): Promise<boolean> {
    // A caller chooses the id, and this one is no session.
    if (id === INCOMPLETE) return false
    const [session, index] = [recordKey(userId, id), indexKey(userId)]
    const rest = [id, ownerOf(userId), reason, nowMs, idleMs, channel] as const
    const didEnd = await inStepsWhereSlotMoves(
      () => scripts.weappAuthEnd(2, session, index, ...rest, expiresAtMs ?? '', ...(room ? [room.limit] : [])),
      async () => {
        if (room && !room.isOlder) return 0
        const entry =
          expiresAtMs === undefined && (await readIndex(scripts, index)).entries.find((entry) => entry.id === id)
        const answer = await scripts.weappAuthEnd(1, session, ...rest, expiresAtMs ?? (entry ? entry.expiresAtMs : ''))
        // The session first: while it lives it has to be in its index.
        await redis.zrem(index, id)
        return answer
      },
    )
    if (didEnd === 1) messages.tellEnded([id])
    return didEnd === 1
  }

  function addToIndex(index: string, id: string, lifetime: Lifetime) {
    const { nowMs, idleMs, expiresAtMs } = lifetime
    return scripts.weappAuthIndex(index, id, ttlOf(lifetime), expiresAtMs, nowMs, idleMs, hasEvicted(lifetime))
  }

  /** The index of a user. One that is not there is marked as incomplete where Redis has evicted keys: it may be one of them. */
  async function readWholeOrMarked(userId: string, moment: Moment) {
    const { nowMs, idleMs } = moment
    const key = indexKey(userId)
    const index = await readIndex(scripts, key)
    const isThere = index.entries.length > 0 || index.incompleteUntilMs > 0
    if (isThere || !hasEvicted(moment)) return index
    await scripts.weappAuthMark(key, nowMs, idleMs)
    return { ...index, incompleteUntilMs: nowMs + idleMs }
  }

  /** An index that lacks a live session was evicted, also where Redis does not say that it has evicted keys. */
  async function checkIndexed(userId: string, entries: readonly IndexEntry[], id: string): Promise<void> {
    if (entries.some((entry) => entry.id === id)) return
    const [own] = await readSessions(userId, [{ id }])
    if (own?.record?.userId === userId) throw indexWasEvicted()
  }

  /** What is stored of each; `record` is null for one that has ended. A read of one key is exact also while its slot moves. */
  function readSessions<E extends { id: string }>(userId: string, entries: readonly E[]) {
    return Promise.all(
      entries.map(async (entry) => {
        const value = await read(recordKey(userId, entry.id))
        const found = value === null ? null : parseRecord(entry.id, value)
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

function ttlOf({ nowMs, expiresAtMs }: ChangeLifetime): number {
  return Math.max(1, expiresAtMs - nowMs)
}

/** One order for all processes, also of sessions made in the same millisecond. */
function isOlder(a: SessionRecord, b: SessionRecord): boolean {
  return a.createdAtMs === b.createdAtMs ? a.id < b.id : a.createdAtMs < b.createdAtMs
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

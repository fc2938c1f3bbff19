import { ApiError } from '../api-error.ts'
import type { RedisClient } from '../redis.ts'
import { type GuardMethod, guardStore } from '../store-failure.ts'
import type { World } from '../world.ts'
import { cacheSessionStore } from './cached-store.ts'
import { createRedisClaims } from './redis-claims.ts'
import { watchEvictions } from './redis-eviction.ts'
import { checkWhole, type IndexEntry, indexWasEvicted, readIndex } from './redis-index.ts'
import { createRedisMessages } from './redis-messages.ts'
import { createRedisPlace, inStepsWhereSlotMoves, ttlOf } from './redis-place.ts'
import { formatRecord, headOf, ownerOf, parseRecord } from './redis-record.ts'
import { createRedisRestoreSupport } from './redis-restore-support.ts'
import { INCOMPLETE } from './redis-scripts.ts'
import { createRedisUserChanges } from './redis-user-changes.ts'
import { createWorldCheck } from './redis-world.ts'
import type { Lifetime, Moment, Revocation, SessionRecord, SessionStore } from './session-store.ts'
import { markOfExternalId } from './user-mark.ts'

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
   * How long this process may remember a live session instead of asking Redis, in milliseconds. Default 0: it asks each time.
   * A message tells at once that a session ended, over a second connection that is made like `redis`. Where the message is
   * lost, the session lives on for `cacheMs` at most. While that connection is away, nothing is remembered.
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
 * `<prefix>u{<bucket>}:<userId>` scored by expiry. The two kinds of keys begin differently, because a caller chooses the id
 * of a session that it wants to end. Values are strings and never hashes, because a late HSET would bring a dead session
 * back.
 *
 * While a slot of a cluster moves, Redis may refuse a script because its keys lie on two servers. Then the store does the same
 * in steps of one key each. Their order is such that a crash between two steps leaves no live session out of its index.
 */
export function createRedisSessionStore(options: RedisSessionStoreOptions): SessionStore {
  const { redis, keyPrefix = 'weapp-auth:', cacheMs = 0, world = 'real', warn = () => {} } = options
  const place = createRedisPlace(redis, keyPrefix, warn)
  const { scripts, read, recordKey, recordKeyIn, indexKey, markKey } = place
  const refuseOtherWorld = createWorldCheck(redis, keyPrefix, world)
  const evictions = watchEvictions(redis, warn)
  const guard = guardStore('the session store (Redis)')
  const guarded: GuardMethod = (method) =>
    // Not an async function: the guard calls this for each request, and it would cost a promise more.
    guard((...args) => (refuseOtherWorld.isDone() ? method(...args) : refuseOtherWorld().then(() => method(...args))))
  const messages = createRedisMessages({
    redis,
    keyPrefix,
    publish: guarded((...args) => redis.publish(...args)),
    warn,
  })
  const { endedChannel: channel } = messages
  const hasEvicted = ({ idleMs }: Moment) => (evictions.haveHappenedWithin(idleMs) ? '1' : '')
  const { block, unblock, setExternalId } = createRedisUserChanges(place, channel)
  const claims = createRedisClaims({ redis, scripts, keyPrefix })

  const store: SessionStore = {
    create: guarded(async (record, lifetime, { limit = 0, replaces, settles } = {}) => {
      const { userId } = record
      // Not in the script, because the key of the code lies on another slot. Both are sent in the same turn of the event loop:
      // one round trip. Nobody waits for this answer: a claim that stays unsettled becomes a used one by itself.
      if (settles !== undefined) claims.settleCode(settles).catch(() => {})
      const created = await create(record, lifetime, replaces)
      if (!created) return null
      const { count, ended, expired } = created
      // From here on the sign-in succeeds, because the session is there. What fails to be tidied up is left to the next sign-in.
      await forgetExpired(userId, expired).catch(() => {})
      messages.tellEnded(ended)
      const isOver = limit > 0 && count > limit
      return [...ended, ...(isOver ? await makeRoom(record, lifetime, limit).catch(() => []) : [])]
    }),
    find: guarded(async ({ id, bucket }) => {
      const value = await read(recordKeyIn(bucket, id))
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
      // Not before: the sessions that could be found are ended, also where others may live.
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
    block: guarded(block),
    unblock: guarded(unblock),
    setExternalId: guarded(setExternalId),
    claimCode: guarded(claims.claimCode),
    settleCode: guarded(claims.settleCode),
    claimMessage: guarded(claims.claimMessage),
    settleMessage: guarded(claims.settleMessage),
    releaseMessage: guarded(claims.releaseMessage),
    ping: guarded(async () => {
      // Not PING: a replica answers it, and so does a server without free memory, and neither takes a session.
      await redis.set(`${keyPrefix}ping`, '1', 'PX', 1_000)
    }),
    findWarnings: () => evictions.warnings(),
    messages,
    restore: createRedisRestoreSupport({ redis, keyPrefix, guarded }),
    async close() {
      evictions.close()
      messages.close()
    },
  }
  if (cacheMs === 0) return store
  return cacheSessionStore({ store, maxAgeMs: cacheMs, messages })

  /** Answers 1 when the use was written, 0 when the session has ended, 2 when its externalId was changed since it was read. */
  function touch(record: SessionRecord, lifetime: Lifetime): Promise<number> {
    const { id, userId } = record
    const { nowMs, idleMs, expiresAtMs } = lifetime
    const [session, index] = [recordKey(userId, id), indexKey(userId)]
    const ttlMs = ttlOf(lifetime)
    const rest = [id, formatRecord(record), ttlMs, expiresAtMs, nowMs, idleMs, headOf(record)] as const
    return inStepsWhereSlotMoves(
      () => scripts.weappAuthTouch(2, session, index, ...rest),
      async () => {
        // The index before the session: it must not expire earlier.
        const [, wasMissing] = await addToIndex(index, id, lifetime)
        const answer = await scripts.weappAuthTouch(1, session, ...rest)
        if (answer !== 0 && wasMissing) await scripts.weappAuthMark(index, nowMs, idleMs)
        return answer
      },
    )
  }

  /**
   * Writes a session and its index entry; `count` is how many entries the index has then. Null: nothing was made, because the
   * session does not agree with the user's mark.
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
        // The session before the index: nobody can use it before the caller has its token.
        if ((await redis.set(session, value, 'PX', ttlMs, 'NX')) === null) {
          throw new ApiError('store_unavailable', 'the session was made by an earlier attempt and may have ended since')
        }
        const [count] = await addToIndex(index, id, lifetime)
        // The mark after the index: whoever leaves a mark then ends what is in the index.
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

  /** Ends the oldest sessions of a user who has more than `limit`. Returns the ids of those that ended. */
  async function makeRoom(made: SessionRecord, { nowMs, idleMs }: Moment, limit: number): Promise<string[]> {
    const { id, userId } = made
    const { entries } = await readIndex(scripts, indexKey(userId))
    const sessions = await readSessions(userId, entries)
    const gone = sessions.flatMap(({ entry, record }) => (record ? [] : entry.id))
    if (gone.length > 0) await redis.zrem(indexKey(userId), ...gone)
    const alive = sessions.flatMap(({ entry, record }) => (record && entry.expiresAtMs > nowMs ? record : []))
    // Without the new session: its time is the earliest when the clock of this process is slow.
    const oldest = alive.filter((record) => record.id !== id).sort((a, b) => a.createdAtMs - b.createdAtMs)
    const surplus = oldest.slice(0, Math.max(0, alive.length - limit))
    // Sign-ins at the same time see the same surplus. So each call of `end` counts the sessions again.
    const endAll = async (records: readonly SessionRecord[]): Promise<string[]> => {
      const revocation = { nowMs, idleMs, reason: 'limit' } as const
      const didEnd = await Promise.all(
        records.map((record) => end(userId, record, revocation, { limit, isOlder: isOlder(record, made) })),
      )
      return records.flatMap(({ id }, i) => (didEnd[i] ? id : []))
    }
    // First the sessions older than the new one, and the index without them. In steps of one key a session leaves the index a
    // moment after its end: until then two sign-ins at the same time would count it, and end more than they must.
    const ended = await endAll(surplus.filter((record) => isOlder(record, made)))
    return [...ended, ...(await endAll(surplus.filter((record) => !isOlder(record, made))))]
  }

  /** Takes ids off the index whose keys are gone from Redis. The clock of the caller does not decide that, because it may be wrong. */
  async function forgetExpired(userId: string, ids: readonly string[]): Promise<void> {
    const values = await Promise.all(ids.map((id) => read(recordKey(userId, id))))
    const gone = ids.filter((_, i) => values[i] === null)
    if (gone.length > 0) await redis.zrem(indexKey(userId), ...gone)
  }

  /**
   * Ends one session. Returns whether it was alive at `nowMs`. With `room` it does so only while the user has more sessions
   * than the limit. In steps of one key the sessions cannot be counted at the moment of ending: then a sign-in ends only
   * sessions older than the one that it made, so that two sign-ins at the same time do not end each other's.
   */
  async function end(
    userId: string,
    { id, expiresAtMs }: { id: string; expiresAtMs?: number },
    { nowMs, idleMs, reason }: Revocation,
    room?: { limit: number; isOlder: boolean },
  ): Promise<boolean> {
    // A caller chooses the id, and this one names the mark of the index.
    if (id === INCOMPLETE) return false
    const [session, index] = [recordKey(userId, id), indexKey(userId)]
    const rest = [id, ownerOf(userId), reason, nowMs, idleMs, channel] as const
    const didEnd = await inStepsWhereSlotMoves(
      () => scripts.weappAuthEnd(2, session, index, ...rest, expiresAtMs ?? '', ...(room ? [room.limit] : [])),
      async () => {
        if (room && !room.isOlder) return 0
        const isKnown = expiresAtMs !== undefined
        const entry = isKnown
          ? { expiresAtMs }
          : (await readIndex(scripts, index)).entries.find((each) => each.id === id)
        const answer = await scripts.weappAuthEnd(1, session, ...rest, entry ? entry.expiresAtMs : '')
        // A live session that is missing in its index: the index was evicted.
        if (answer === 1 && !entry) await scripts.weappAuthMark(index, nowMs, idleMs)
        // The index after the session: a live session has to be in its index.
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

  /**
   * Reads the index of a user. Where Redis has evicted keys, an index that is not there may be one of them: it gets the mark. A mark
   * of a clock that was ahead would last for years: it is set anew.
   */
  async function readWholeOrMarked(userId: string, moment: Moment) {
    const { nowMs, idleMs } = moment
    const key = indexKey(userId)
    const index = await readIndex(scripts, key)
    const isThere = index.entries.length > 0 || index.incompleteUntilMs > 0
    const isMarkWrong = index.incompleteUntilMs > nowMs + idleMs
    if (!isMarkWrong && (isThere || !hasEvicted(moment))) return index
    await scripts.weappAuthMark(key, nowMs, idleMs)
    return { ...index, incompleteUntilMs: nowMs + idleMs }
  }

  /** An index that lacks a live session was evicted, whatever Redis says about evictions. */
  async function checkIndexed(userId: string, entries: readonly IndexEntry[], id: string): Promise<void> {
    if (entries.some((entry) => entry.id === id)) return
    const [own] = await readSessions(userId, [{ id }])
    if (own?.record?.userId === userId) throw indexWasEvicted()
  }

  /** Reads the session of each entry; `record` is null for one that has ended. Each read has one key, so it is exact while a slot moves. */
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

/** All processes see the same order, also of sessions made in the same millisecond. */
function isOlder(a: SessionRecord, b: SessionRecord): boolean {
  return a.createdAtMs === b.createdAtMs ? a.id < b.id : a.createdAtMs < b.createdAtMs
}

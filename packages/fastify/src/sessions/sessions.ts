import type { Device, RevocationReason } from '@weapp-auth/shared'
import type { Actor } from '../actor.ts'
import { ApiError, type LogFields } from '../api-error.ts'
import { createSteadyClock } from '../steady-clock.ts'
import { toStoredDevice } from './device.ts'
import { type SessionRecord, type SessionStore, type Tombstone, USER_CHANGE_MS } from './session-store.ts'
import { type ClaimedCode, createSingleUse, type SingleUse } from './single-use.ts'
import { createToken, parseToken, type SessionRef } from './token.ts'

/** A live session. */
export interface Session extends SessionRecord {
  /** When it ends unless it is used. */
  expiresAtMs: number
}

/** A new session, with the token that only its device gets. */
export interface IssuedSession {
  /** Shown once: only its hash is stored. */
  token: string
  session: Session
  expiresInSeconds: number
  absoluteExpiresInSeconds: number
}

/** The user was blocked, or given another externalId, since the caller read the user: read again. */
export class UserChangedError extends Error {
  override readonly name = 'UserChangedError'
}

/** What a new session needs besides its user. */
export interface IssueAbout {
  appid: string
  device?: Device
  /** The host's own id for the user, as it was read. Default null: none. */
  externalId?: string | null
  /** The token that the device had before: its session ends when the new one has started, if the store answers. */
  replaces?: string | null
  /** The login code behind the sign-in. It is settled together with the session, which saves a round trip. */
  code?: ClaimedCode
}

/** One session, or all sessions of a user, were ended before they expired. */
export interface SessionEnd {
  userId: string
  reason: RevocationReason
  by: Actor
  /** Which session; absent where all of them ended. */
  sessionId?: string
  /** How many ended. */
  count: number
}

/** How all sessions of a user end. */
export interface EndAll {
  /** The id of a session that stays. */
  except?: string | undefined
  /** Default `user`. */
  by?: Actor
}

/** Options of {@link createSessions}. */
export interface SessionsOptions {
  store: SessionStore
  /** A session ends when it was not used for this long. */
  idleSeconds: number
  /** A session ends this long after it was issued, however much it is used. */
  absoluteSeconds: number
  /** The most sessions that one user may have: a new one ends the oldest. Default 0: any number. */
  limit?: number
  /** Whether a mini-program is configured: sessions of another one are refused. Default: every one is. */
  hasApp?: (appid: string) => boolean
  /** Called when sessions were ended. It must not throw. Default: does nothing. */
  onEnd?: (end: SessionEnd) => void
  now: () => number
}

/** The sessions of all users: tokens, lifetimes, the limit, and login codes. The records are in a {@link SessionStore}. */
export interface Sessions extends SingleUse {
  /**
   * Starts a session.
   *
   * @throws RangeError for an appid that is not configured
   * @throws UserChangedError where the user has to be read again
   */
  issue(userId: string, about: IssueAbout): Promise<IssuedSession>
  /**
   * The live session behind a token, its idle lifetime moved on.
   *
   * @throws ApiError `session_malformed`, `session_invalid`, `session_revoked` or `store_unavailable`
   */
  get(token: string): Promise<Session>
  /**
   * As `get`, for the guard. Answers at once, and not with a promise, when the store remembers the session and nothing has to
   * be written.
   *
   * @throws the errors of `get`: `session_malformed` at once, the others reject the promise
   */
  getRecord(token: string): SessionRecord | Promise<SessionRecord>
  /** As `get`, for a caller that has kept the reference and not the token. Counts as use. */
  use(ref: SessionRef): Promise<Session>
  /** As `use`, but does not count as use: nothing is written, and the session does not end later because of it. */
  peek(ref: SessionRef): Promise<Session>
  /**
   * Ends one session. Resolves with false when the user has no such session.
   *
   * @param by default `user`
   */
  revoke(userId: string, sessionId: string, reason: RevocationReason, by?: Actor): Promise<boolean>
  /**
   * Ends all sessions of a user. Resolves with how many ended.
   *
   * @throws ApiError `store_unavailable`; also when all sessions that could be found have ended, but there may be others
   */
  revokeAll(userId: string, reason: RevocationReason, o?: EndAll): Promise<number>
  /** The user's live sessions, oldest first. */
  list(userId: string): Promise<Session[]>
  /**
   * Lets sign-ins that are under way make no session of this user, until `untilMs`, or until none of them can be under way.
   */
  block(userId: string, blockId: string, untilMs: number | null): Promise<void>
  /** Ends the block of this id. */
  unblock(userId: string, blockId: string): Promise<void>
  /** Notes that a user is erased, so that a restored backup does not bring the user back. */
  noteErased(userId: string): Promise<void>
  /** Writes the host's own id for this user, or none, into all live sessions. */
  setExternalId(userId: string, externalId: string | null): Promise<void>
}

/** Sessions over a store. */
export function createSessions(options: SessionsOptions): Sessions {
  const { store, idleSeconds, absoluteSeconds, limit = 0, hasApp = () => true, onEnd = () => {}, now } = options
  const idleMs = idleSeconds * 1000
  const absoluteMs = absoluteSeconds * 1000
  /** Use is written down at most every tenth of the idle lifetime, so that a busy session costs no write per request. */
  const touchAfterMs = idleMs / 10
  const moment = () => ({ nowMs: now(), idleMs })
  /** The clock by which the store removes old entries from its list of erased users. */
  const steadyNow = createSteadyClock(now)

  return {
    async issue(userId, { appid, device, replaces, code, externalId = null }) {
      if (!hasApp(appid)) throw new RangeError(`the mini-program ${appid} is not configured`)
      const token = createToken(userId)
      const nowMs = now()
      const { id } = refOf(token)
      const session = live({
        id,
        userId,
        appid,
        createdAtMs: nowMs,
        lastSeenMs: nowMs,
        ...(externalId !== null && { externalId }),
        ...(device && { device: toStoredDevice(device) }),
      })
      const old = replaces ? parseToken(replaces) : null
      const rest = { limit, ...(old && { replaces: old.id }), ...(code && { settles: code.digest }) }
      const made = await store.create(recordOf(session), { nowMs, idleMs, expiresAtMs: session.expiresAtMs }, rest)
      if (made === null) throw new UserChangedError('the user was changed since it was read')
      if (code) code.isSettled = true
      for (const sessionId of made) {
        onEnd({ userId, sessionId, reason: sessionId === old?.id ? 'replaced' : 'limit', by: 'user', count: 1 })
      }
      // `create` has ended it if it was of this user. A session of another user of the device is ended here.
      if (old) await endReplaced(old).catch(() => {})
      return {
        token,
        session,
        expiresInSeconds: Math.min(idleSeconds, absoluteSeconds),
        absoluteExpiresInSeconds: absoluteSeconds,
      }
    },

    get: async (token) => use(refOf(token)),

    getRecord(token) {
      const ref = refOf(token)
      const record = store.findRemembered?.(ref)
      return record && isFresh(record) ? record : use(ref)
    },

    use,

    peek: async (ref) => judge(await store.find(ref), ref.id),

    revoke,

    async revokeAll(userId, reason, { except, by = 'user' } = {}) {
      const count = await store.revokeAll(userId, { ...moment(), reason, ...(except !== undefined && { except }) })
      if (count > 0) onEnd({ userId, reason, by, count })
      return count
    },

    async list(userId) {
      const records = await store.list(userId, moment())
      const nowMs = now()
      return records.map(live).filter(({ expiresAtMs }) => expiresAtMs > nowMs)
    },

    block(userId, blockId, untilMs) {
      const { nowMs, expiresAtMs } = changeLifetime()
      return store.block(userId, blockId, { nowMs, expiresAtMs: Math.min(expiresAtMs, untilMs ?? expiresAtMs) })
    },

    unblock: (userId, blockId) => store.unblock(userId, blockId),

    noteErased: async (userId) => store.restore?.noteErased(userId, steadyNow()),

    setExternalId: (userId, externalId) => store.setExternalId(userId, externalId, changeLifetime()),

    ...createSingleUse({ store, now }),
  }

  async function use(ref: SessionRef): Promise<Session> {
    const found = await store.find(ref)
    const session = judge(found, ref.id)
    if (found !== null && !('revoked' in found) && !isTouchDue(found)) return session
    const nowMs = now()
    const used = live({ ...session, lastSeenMs: nowMs })
    const touched = await store.touch(recordOf(used), { nowMs, idleMs, expiresAtMs: used.expiresAtMs })
    if (touched) return { ...touched, expiresAtMs: used.expiresAtMs }
    // The session ended between the two calls. Reading it again tells the reason.
    return judge(await store.find(ref), ref.id)
  }

  function changeLifetime() {
    const nowMs = now()
    return { nowMs, expiresAtMs: nowMs + USER_CHANGE_MS }
  }

  async function revoke(userId: string, sessionId: string, reason: RevocationReason, by: Actor = 'user') {
    const hasEnded = await store.revoke(userId, sessionId, { ...moment(), reason })
    if (hasEnded) onEnd({ userId, sessionId, reason, by, count: 1 })
    return hasEnded
  }

  async function endReplaced(ref: SessionRef): Promise<void> {
    const found = await store.find(ref)
    if (found === null || 'revoked' in found) return
    await revoke(found.userId, found.id, 'replaced')
  }

  function judge(found: SessionRecord | Tombstone | null, sessionId: string): Session {
    if (found === null) throw invalid({ sessionId })
    if ('revoked' in found) {
      const logFields = { userId: found.userId, sessionId }
      if (found.expiresAtMs <= now()) throw invalid(logFields)
      throw new ApiError('session_revoked', `the session was ended: ${found.revoked}`, {
        reason: found.revoked,
        logFields,
      })
    }
    const session = live(found)
    if (session.expiresAtMs <= now() || !hasApp(session.appid)) throw invalid({ sessionId, userId: session.userId })
    return session
  }

  /** Times in the future come from a clock that was wrong, and count as now. */
  function live(record: SessionRecord): Session {
    const nowMs = now()
    const { createdAtMs, lastSeenMs } = record
    if (createdAtMs <= nowMs && lastSeenMs <= nowMs) return { ...record, expiresAtMs: expiryOf(record) }
    return live({ ...record, createdAtMs: Math.min(createdAtMs, nowMs), lastSeenMs: Math.min(lastSeenMs, nowMs) })
  }

  /** Whether a remembered session may be used without asking the store and without a write. */
  function isFresh(record: SessionRecord): boolean {
    return hasApp(record.appid) && !isTouchDue(record) && now() < expiryOf(record)
  }

  /** Also when the last use lies in the future, by a clock that was wrong: writing the use down mends that. */
  function isTouchDue({ lastSeenMs }: SessionRecord): boolean {
    return Math.abs(now() - lastSeenMs) >= touchAfterMs
  }

  function expiryOf({ lastSeenMs, createdAtMs }: SessionRecord): number {
    return Math.min(lastSeenMs + idleMs, createdAtMs + absoluteMs)
  }
}

function refOf(token: string): SessionRef {
  const ref = parseToken(token)
  if (!ref) {
    throw new ApiError('session_malformed', 'the bearer token does not have the shape of a token', {
      detail: 'the bearer token is not one of this service: it looks like wxs1.<3>.<43 characters>',
    })
  }
  return ref
}

function recordOf({ expiresAtMs: _, ...record }: Session): SessionRecord {
  return record
}

function invalid(logFields: LogFields): ApiError {
  return new ApiError('session_invalid', 'no live session has this token', { logFields })
}

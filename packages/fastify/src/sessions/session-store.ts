import type { Device, RevocationReason } from '@weapp-auth/shared'
import type { RestoreSupport } from './restore-support.ts'
import type { StoreMessages } from './store-messages.ts'
import type { SessionRef } from './token.ts'

/** A login code is refused for this long after it was first seen: twice as long as WeChat accepts it. */
export const CODE_CLAIM_MS = 600_000
/** An exchange with WeChat takes no longer. An older claim belongs to a sign-in that died after it had spent the code. */
export const CODE_IN_PROGRESS_MS = 5_000
/** A message that WeChat pushed is refused for this long after it was handled. Messages older or newer than half of this are too. */
export const MESSAGE_CLAIM_MS = 600_000
/** WeChat waits this long for an answer. An older claim belongs to a process that died: the message may be claimed again. */
export const MESSAGE_IN_PROGRESS_MS = 5_000
/**
 * How long a store knows that a user was changed. A sign-in that has read the user before makes its session within this time,
 * or reads the user again.
 */
export const USER_CHANGE_MS = 60_000

/** A session as it is stored. Nothing in it lets anybody in: the id is a hash of the token. */
export interface SessionRecord {
  /** SHA-256 of the token, base64url. */
  id: string
  userId: string
  appid: string
  createdAtMs: number
  /** When a use was last written down. Not every use is. */
  lastSeenMs: number
  /** The host's own id for the user; absent: none was given. */
  externalId?: string
  device?: Device
}

/** What stands in the place of a session that was ended, until it would have expired. */
export interface Tombstone {
  /** Whose session it was: for the log. */
  userId: string
  revoked: RevocationReason
  expiresAtMs: number
}

/** When a method is called, on the clock that all times of a session come from. */
export interface Moment {
  nowMs: number
  /** The longest time that a session lives without being used. */
  idleMs: number
}

/** When a write happens, and how long what it writes has to be kept. */
export interface Lifetime extends Moment {
  expiresAtMs: number
}

/** How long a store remembers that a user was changed. */
export interface ChangeLifetime {
  nowMs: number
  expiresAtMs: number
}

/** How one session ends. */
export interface Revocation extends Moment {
  reason: RevocationReason
}

/** What else happens when a session is made. It ends no session of another user. */
export interface CreateOptions {
  /** The most sessions the user may have, the new one counted: the oldest end with the reason `limit`. 0: any number. */
  limit?: number
  /** The id of a session that ends with the reason `replaced`, before the others are counted. */
  replaces?: string
  /** The digest of the login code behind the session: `settleCode` happens with it, at best in the same round trip. */
  settles?: string
}

/** How all sessions of a user end. */
export interface RevokeAll extends Revocation {
  /** The id of a session that stays. */
  except?: string
}

/** Of a login code or a message. `claimed`: the caller alone has it. `in_progress`: another caller has it now. `used`: it was used. */
export type CodeClaim = 'claimed' | 'in_progress' | 'used'

/**
 * Where sessions are kept. Each method is atomic, alone and against the others: no touch brings an ended session back,
 * and `revokeAll` reaches every session created before it.
 *
 * A store may forget a record once it has expired but need not: the caller checks lifetimes against its own clock.
 *
 * @throws ApiError `store_unavailable` from every method when the store does not answer; never anything that reads as
 * "no such session"
 */
export interface SessionStore {
  /**
   * Keeps a new session. Resolves with the ids of the sessions that ended for it. Null: nothing was kept, because the user was
   * blocked, or got another externalId than the record has, since the caller read the user; see `block` and `setExternalId`.
   */
  create(record: SessionRecord, lifetime: Lifetime, options?: CreateOptions): Promise<readonly string[] | null>
  find(ref: SessionRef): Promise<SessionRecord | Tombstone | null>
  /** Answers as `find`, from memory and without a promise. Null says nothing about the session. */
  findRemembered?(ref: SessionRef): SessionRecord | null
  /**
   * Writes down that the session was used, and its new expiry. Resolves with the record as it is stored then: its externalId
   * may have changed since it was read. Null: the session is gone or was ended.
   */
  touch(record: SessionRecord, lifetime: Lifetime): Promise<SessionRecord | null>
  /** Ends one session. False: this user has no such session. */
  revoke(userId: string, sessionId: string, revocation: Revocation): Promise<boolean>
  /**
   * Ends all sessions of a user but `except`, which is the caller's own. Resolves with how many ended. A store that may have
   * lost track of some of them ends those that it finds, and then throws.
   */
  revokeAll(userId: string, revocation: RevokeAll): Promise<number>
  /**
   * The user's sessions that have not been ended, oldest first. A store that may have lost track of some of them throws.
   */
  list(userId: string, moment: Moment): Promise<SessionRecord[]>
  /**
   * Lets `create` make no session of this user until the time is over, or `unblock` was called with the same `blockId`. It is
   * for sign-ins that are under way while the user is disabled or erased, and ends no session.
   */
  block(userId: string, blockId: string, until: ChangeLifetime): Promise<void>
  /** Ends the block of this id. One that came after it stays. */
  unblock(userId: string, blockId: string): Promise<void>
  /**
   * Writes an externalId, or none, into all live sessions of a user. Until the time is over `create` makes no session with
   * another one, so that none is left out.
   */
  setExternalId(userId: string, externalId: string | null, until: ChangeLifetime): Promise<void>
  /** Claims a login code, named by its digest, for {@link CODE_CLAIM_MS}: one caller alone gets `claimed`. */
  claimCode(digest: string, nowMs: number): Promise<CodeClaim>
  /** Notes that WeChat has answered: the code is `used` now. A claim that is never settled becomes used by itself. */
  settleCode(digest: string): Promise<void>
  /**
   * Claims a message that WeChat pushed, named by its digest: one caller alone gets `claimed`, and no caller once it was settled.
   * It can be claimed again when it was released, or was not settled within {@link MESSAGE_IN_PROGRESS_MS}.
   *
   * @param claimant a name that no other claim has
   */
  claimMessage(digest: string, claimant: string, nowMs: number): Promise<CodeClaim>
  /** Notes that the message was handled: it is `used` for {@link MESSAGE_CLAIM_MS}. */
  settleMessage(digest: string, nowMs: number): Promise<void>
  /** Gives a claim up: the message was not handled, and WeChat sends it again. A later claim of another caller stays. */
  releaseMessage(digest: string, claimant: string): Promise<void>
  /**
   * What the processes that share this store tell each other. Without it guarded sockets notice the end of a session at their
   * next ping, and a push reaches the sockets of its own process only.
   */
  messages?: StoreMessages
  /**
   * Which users were erased, for whoever restores the users from a backup. Without it erased users come back with the backup, and
   * somebody has to erase them again.
   */
  restore?: RestoreSupport
  /** Resolves when the store takes writes: one that can only be read starts no session. */
  ping(): Promise<void>
  /** What an operator should change about the server, a sentence each; `/readyz` shows it. */
  findWarnings?(): readonly string[]
  /** Releases what the store opened itself, not what it was given. */
  close(): Promise<void>
}

import type { UserProfile } from '@weapp-auth/shared'
import type { Actor } from '../actor.ts'
import type { WechatIdentity, WechatKeys } from '../wechat-identity.ts'

/** A user of the host application. */
export interface User {
  id: string
  createdAtMs: number
  profile: UserProfile
  /** The host's own id for this user; null: none was given. */
  externalId: string | null
  /** Null: never disabled, or enabled since. See {@link isDisabled}. */
  disabled: Disabled | null
}

/** That a user may not sign in. */
export interface Disabled {
  atMs: number
  /** From when on the user may sign in again; null: not by time. */
  untilMs: number | null
  /** For operators, never shown to the user. */
  reason: string
}

/** Whether a user may not sign in at this moment. */
export function isDisabled({ disabled }: Pick<User, 'disabled'>, nowMs: number): boolean {
  return disabled !== null && (disabled.untilMs === null || nowMs < disabled.untilMs)
}

/**
 * Whom a WeChat identity belongs to. `erasing` is the id of a user whose erasure was begun and has not ended: finish it, and
 * sign in again, which makes a new user.
 */
export type SignedInUser = { user: User; isNew: boolean } | { erasing: string }

/** How giving a user an externalId ended. */
export type ExternalIdResult =
  | { set: true }
  /** Another user has it. */
  | { set: false; reason: 'taken'; userId: string }
  /** The user has another one, and it was not to be replaced. */
  | { set: false; reason: 'different' }

/** A page of users. */
export interface UserPage {
  /** The id of the last user of the page before; null: the first page. */
  after: string | null
  /** The most users on this page. */
  limit: number
}

/** Who a user is at WeChat, in one mini-program. For the server alone: WeChat Pay and messages need it. */
export interface LinkedIdentity {
  openid: string
  unionid: string | null
}

/** One of a user's identities, with the mini-program that it belongs to. */
export interface UserIdentity extends LinkedIdentity {
  appid: string
}

/** How linking a WeChat identity to a user ended. */
export type LinkResult =
  | { linked: true; identity: LinkedIdentity }
  /** The identity is another user's already. */
  | { linked: false; reason: 'taken'; userId: string }
  /** The user has another identity in this mini-program. */
  | { linked: false; reason: 'occupied' }

/**
 * Where users and their WeChat identities are kept. `createSqlUserStore` is ours; implement this to keep your own users
 * table.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer: it must never look as if a
 * user were gone. `null` is an answer.
 *
 * `by` says who causes a change (default `host`), for a store that writes an event with it, in the same transaction. Only
 * `createSqlUserStore` with its option `events` does; another store may ignore it.
 */
export interface UserStore {
  /**
   * The user behind a WeChat identity, created at the first sign-in. (appid, openid) is unique: of many first sign-ins
   * at once one creates the user, and it alone gets `isNew`.
   *
   * A unionid is one person in several mini-programs: whoever signs in to another of them becomes the same user. Users
   * that exist already are not merged.
   *
   * `identity.sessionKey` is WeChat's key for that user and may change at every sign-in. Keep the current and the
   * previous one, encrypted, or neither; it must not leave the server. A unionid that was known stays known.
   */
  signIn(appid: string, identity: WechatIdentity, nowMs: number): Promise<SignedInUser>
  /** A user without a WeChat identity, for a host application that has ways in of its own. */
  createUser(nowMs: number): Promise<User>
  /** The same with the host's own id, which was checked before. Null when another user has it. */
  createUserWithExternalId(externalId: string, nowMs: number): Promise<User | null>
  /** Null also for a user whose erasure has begun, as in every method that reads or changes a user. */
  findUser(userId: string): Promise<User | null>
  findUserByExternalId(externalId: string): Promise<User | null>
  /** In the order of their ids, which never change: a user who is there all the time is on exactly one page. */
  listUsers(page: UserPage): Promise<User[]>
  findUserByIdentity(appid: string, openid: string): Promise<User | null>
  findIdentity(userId: string, appid: string): Promise<LinkedIdentity | null>
  /** In the order of the appids. */
  listIdentities(userId: string): Promise<UserIdentity[]>
  /** The session_keys that `signIn` was given, current one first; none when none are kept or they cannot be opened. */
  findKeys(userId: string, appid: string): Promise<WechatKeys | null>
  /** Gives a user a WeChat identity, unless it is somebody's already; null when there is no such user. */
  linkIdentity(
    userId: string,
    appid: string,
    identity: WechatIdentity,
    nowMs: number,
    by?: Actor,
  ): Promise<LinkResult | null>
  /** Takes a session_key that WeChat gave outside a sign-in; the current one becomes the previous one. */
  replaceKey(userId: string, appid: string, sessionKey: string, nowMs: number): Promise<void>
  /**
   * Changes the fields given, which were checked before, and answers the whole profile; null when there is no such user.
   * One statement merges them: of two calls at once with different fields both stay.
   */
  updateProfile(userId: string, changes: Partial<UserProfile>, by?: Actor): Promise<User | null>
  /**
   * Gives a user the host's own id, which no other user has, or takes it away; null when there is no such user. Without
   * `mayReplace` an id that is there stays.
   */
  setExternalId(
    userId: string,
    externalId: string | null,
    mayReplace: boolean,
    by?: Actor,
  ): Promise<ExternalIdResult | null>
  /** Writes down that a user may not sign in. False when there is no such user. */
  disableUser(userId: string, disabled: Disabled, by?: Actor): Promise<boolean>
  /** Takes that back, and answers what was taken back; null when there was nothing. */
  enableUser(userId: string, by?: Actor): Promise<Disabled | null>
  /**
   * Marks a user as being erased, for ever: from then on the user is found by nobody but `signIn` and `findErasing`. False when
   * there is no such user; true also for one who was marked before.
   */
  beginErasure(userId: string, nowMs: number, by?: Actor): Promise<boolean>
  /** Removes a marked user with everything that belongs to it. Nothing happens where that is done already. */
  eraseUser(userId: string): Promise<void>
  /** Users whose erasure was begun and has not ended, at most `limit` of them. */
  findErasing(limit: number): Promise<string[]>
  /** Resolves when the store takes writes: a sign-in asks before it spends its code, and writes after. */
  ping(): Promise<void>
}

/**
 * What WeChat's push needs of a store, beside a {@link UserStore}: WeChat names a user by the openid. `createSqlUserStore` has it.
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer.
 */
export interface IdentityStore {
  /**
   * The user whom an identity belongs to, also while that user is being erased, when {@link UserStore.findUserByIdentity} finds
   * nobody: the second attempt of a message of WeChat completes the erasure that the first one began.
   */
  findUserIdEvenIfErasing(appid: string, openid: string): Promise<string | null>
  /**
   * Takes an identity away from a user, with its keys; also its unionid, when no other identity of the user has it. The user
   * stays. Nothing happens where that is done already.
   */
  unlinkIdentity(userId: string, identity: { appid: string; openid: string }, by?: Actor): Promise<void>
  /**
   * As `beginErasure`, but only for a user whom nothing keeps when the identity of this mini-program goes: there is no other
   * identity and no externalId. False for all others; true also for one who was marked before.
   */
  beginErasureOfLast(userId: string, appid: string, nowMs: number, by?: Actor): Promise<boolean>
}

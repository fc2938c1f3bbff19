import type { UserProfile } from '@weapp-auth/shared'
import type { WechatIdentity, WechatKeys } from '../wechat-identity.ts'

/** A user of the host application. */
export interface User {
  id: string
  createdAtMs: number
  profile: UserProfile
}

/** Who a user is at WeChat, in one mini-program. For the server alone: WeChat Pay and messages need it. */
export interface LinkedIdentity {
  openid: string
  unionid: string | null
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
  signIn(appid: string, identity: WechatIdentity, nowMs: number): Promise<{ user: User; isNew: boolean }>
  /** A user without a WeChat identity, for a host application that has ways in of its own. */
  createUser(nowMs: number): Promise<User>
  findUser(userId: string): Promise<User | null>
  findIdentity(userId: string, appid: string): Promise<LinkedIdentity | null>
  /** The session_keys that `signIn` was given, current one first; none when none are kept or they cannot be opened. */
  findKeys(userId: string, appid: string): Promise<WechatKeys | null>
  /** Gives a user a WeChat identity, unless it is somebody's already; null when there is no such user. */
  linkIdentity(userId: string, appid: string, identity: WechatIdentity, nowMs: number): Promise<LinkResult | null>
  /** Takes a session_key that WeChat gave outside a sign-in; the current one becomes the previous one. */
  replaceKey(userId: string, appid: string, sessionKey: string, nowMs: number): Promise<void>
  /**
   * Changes the fields given, which were checked before, and answers the whole profile; null when there is no such user.
   * One statement merges them: of two calls at once with different fields both stay.
   */
  updateProfile(userId: string, changes: Partial<UserProfile>): Promise<User | null>
  /** Resolves when the store takes writes: a sign-in asks before it spends its code, and writes after. */
  ping(): Promise<void>
}

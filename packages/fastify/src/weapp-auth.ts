import type { CreateSessionResponse, Device, RevocationReason } from '@weapp-auth/shared'
import type { FastifyRequest } from 'fastify'
import type { ChangeOptions, DisableOptions } from './accounts.ts'
import type { ConflictPage, Merge, MergeResult, UserConflict } from './conflicts/conflict-store.ts'
import type { AuthEvent } from './events/event.ts'
import type { GivenUpEvent, QueueState } from './events/event-queue.ts'
import type { EventQuery } from './events/event-store.ts'
import type { RequestAuth } from './http/plugins/authenticate.ts'
import type { GivePhoneResult, KeptPhone } from './phone/phone-store.ts'
import type { PhoneNumber } from './phone-number.ts'
import type { Session } from './sessions/sessions.ts'
import type { ServerSocket } from './sockets/guarded-sockets.ts'
import type { ExternalIdResult, LinkedIdentity, LinkResult, User, UserIdentity, UserPage } from './users/users.ts'
import type { AccessToken } from './wechat/access-token.ts'
import type { WechatApp } from './wechat/app-secrets.ts'
import type { InspectedApp } from './wechat/gateway.ts'

/** How a session is started for a user who did not sign in with a code of `wx.login`. */
export interface IssueOptions extends ChangeOptions {
  /** The mini-program that the session belongs to. */
  appid: string
  /** Shown in the user's list of sessions. */
  device?: Device
  /** Told to the phone. Default false. */
  isNew?: boolean
  /**
   * The header of the request that signs in. The session whose token it holds, which the phone had until now, ends with the
   * reason `replaced`; anything else in it is ignored.
   */
  authorization?: string | undefined
}

/** Why sessions end. */
export interface RevokeOptions extends ChangeOptions {
  /** Told to the device. Default `admin`. */
  reason?: RevocationReason
}

/** How a user is made. */
export interface CreateUserOptions {
  /** Your own id for the user, 1 to 128 visible ASCII characters. */
  externalId: string
}

/** The state of the stores and the mini-programs. */
export interface Inspection {
  stores: { sessions: 'up' | 'down'; users: 'up' | 'down' }
  apps: InspectedApp[]
  /** Events that were not delivered. Null: nobody is told of events, or their store is away. */
  events: QueueState | null
}

/** What the host application can do with users, sessions and identities, as `app.weappAuth`. */
export interface WeappAuth {
  /** A user without a WeChat identity: the account behind a password, a phone number or another provider. */
  createUser(): Promise<User>
  /**
   * The same with your own id for the user, from the first moment on. Null when another user has that id.
   *
   * @throws TypeError for what cannot be an externalId: 1 to 128 visible ASCII characters
   */
  createUser(options: CreateUserOptions): Promise<User | null>
  /** Null also for a user who is being erased, as in the three methods below. */
  findUser(userId: string): Promise<User | null>
  /** The user who has your own id. */
  findUserByExternalId(externalId: string): Promise<User | null>
  /** The user who has a WeChat identity. */
  findUserByIdentity(appid: string, openid: string): Promise<User | null>
  /**
   * The user who has a phone number. Without the option `phones` it throws.
   *
   * @throws RangeError when it cannot be a phone number
   * @throws ApiError `store_unavailable`
   */
  findUserByPhone(phone: PhoneNumber): Promise<User | null>
  /**
   * A page of users in the order of their ids. The next page begins `after` the last one of this page; a page with fewer than
   * `limit` users is the last one. `limit`: 1 to 1 000, default 100.
   */
  listUsers(page?: Partial<UserPage>): Promise<User[]>
  /**
   * Gives a user your own id for them, or takes it away with null: guarded routes read it as `request.auth.externalId`. It
   * replaces the one the user has, in all live sessions too. The result says when another user has it. After a failure, call it
   * again: it completes what was begun.
   *
   * @param externalId 1 to 128 visible ASCII characters
   * @throws TypeError for any other text; RangeError when there is no such user
   * @throws ApiError `store_unavailable`
   */
  setExternalId(userId: string, externalId: string | null, options?: ChangeOptions): Promise<ExternalIdResult>
  /**
   * Ends the user's sessions (`admin`) and refuses sign-ins with `user_disabled`, until a time or until {@link enableUser}.
   * False when there is no such user. After a failure, call it again: it completes what was begun.
   *
   * @throws RangeError for a reason that is too long or a date that is none; ApiError `store_unavailable`
   */
  disableUser(userId: string, options: DisableOptions): Promise<boolean>
  /** Lets a disabled user sign in again. False when there is no such user, or the user was not disabled. */
  enableUser(userId: string, options?: ChangeOptions): Promise<boolean>
  /**
   * Removes a user for ever, with identities, keys and profile, and ends the sessions (`erased`). False when there is no such
   * user. An erasure that fails half-way continues when you call this again, when the user signs in, and by itself after ten
   * minutes at the latest.
   *
   * @throws ApiError `store_unavailable`
   */
  eraseUser(userId: string, options?: ChangeOptions): Promise<boolean>

  /**
   * Starts a session for a user of the store, however they proved who they are (password, SMS, another provider). It
   * returns the body of `POST /v1/sessions`, which is what a phone keeps.
   *
   * @throws RangeError when there is no such user, or the appid is not one of the option `apps`
   * @throws ApiError `user_disabled` or `store_unavailable`
   */
  issue(userId: string, about: IssueOptions): Promise<CreateSessionResponse>
  /**
   * What the guard learns from the header `Authorization`, for a proxy or another service that hands the header of its request on.
   *
   * @throws ApiError `session_missing`, `session_malformed`, `session_invalid`, `session_revoked` or `store_unavailable`
   */
  authenticate(authorization: string | undefined): Promise<RequestAuth>
  /**
   * The live session behind a token that a phone has sent, for guards that stand elsewhere. It counts as use of the session. Null
   * for anything else than the token of a live session.
   *
   * @throws ApiError `store_unavailable`
   */
  findSession(token: string): Promise<Session | null>
  /** The user's live sessions, oldest first. */
  list(userId: string): Promise<Session[]>
  /** False when the user has no such session. */
  revoke(userId: string, sessionId: string, options?: RevokeOptions): Promise<boolean>
  /** Ends all sessions of a user and says how many. */
  revokeAll(userId: string, options?: RevokeOptions): Promise<number>

  /** The WeChat identifiers of a user, for WeChat Pay or messages. They must not leave the server. */
  findIdentity(userId: string, appid: string): Promise<LinkedIdentity | null>
  /** All WeChat identities of a user, one for each mini-program. They must not leave the server. */
  listIdentities(userId: string): Promise<UserIdentity[]>
  /**
   * Gives a user of the store the WeChat identity behind a login code, so that both ways lead to one account. An identity
   * that another user has stays theirs, and no users are merged: the result says why nothing was linked.
   *
   * @param code from `wx.login` on the user's phone; single use, valid for five minutes
   * @throws RangeError when there is no such user
   * @throws ApiError `request_invalid` (not what wx.login returns), `appid_unknown`, `user_disabled`, `code_*`,
   * `login_in_progress`, `wechat_*` or `store_unavailable`
   */
  linkIdentity(userId: string, appid: string, code: string, options?: ChangeOptions): Promise<LinkResult>
  /**
   * Has WeChat replace the user's session_key, when the present one may have leaked. WeChat asks not to do so often. False
   * when there is none that WeChat still knows: the user's next sign-in brings a new one.
   *
   * @throws ApiError `wechat_*` or `store_unavailable`
   */
  resetSessionKey(userId: string, appid: string): Promise<boolean>

  /**
   * The whole phone number of a user, for the server alone; null when there is none. Without the option `phones` it throws.
   *
   * @throws ApiError `store_unavailable`
   */
  findPhone(userId: string): Promise<KeptPhone | null>
  /**
   * Gives a user a phone number that you know from elsewhere, without a proof; null removes the one there is. Nothing changes when
   * another user has the number, or when this user has proved another number: the result says so. Without the option `phones` it
   * throws.
   *
   * @throws RangeError when there is no such user, or it cannot be a phone number
   * @throws ApiError `store_unavailable`
   */
  setPhone(userId: string, phone: PhoneNumber | null, options?: ChangeOptions): Promise<GivePhoneResult>

  /**
   * Lets a WebSocket live as long as the session of its request: it closes with 4401 when that ends, on whichever process, and
   * with 1012 when this process stops. It is pinged, and an answered ping counts as use of the session. Call it first in the
   * handler of a route with `{ websocket: true, onRequest: authenticate }`.
   *
   * @throws Error without the option `sockets`, and on a route without the guard
   */
  guardSocket(socket: ServerSocket, request: FastifyRequest): void
  /**
   * Sends `text` to the open sockets of a user, on all phones and in all processes, once or not at all: what must not be lost
   * belongs into a table, which the phone reads when its socket opens.
   *
   * @throws Error without the option `sockets`
   * @throws RangeError when it is longer than `maxMessageBytes`
   * @throws ApiError `store_unavailable` when only the sockets of this process may have got it
   */
  push(userId: string, text: string): Promise<void>

  /**
   * The access_token of a mini-program, for calls of WeChat's server APIs. The plugin uses the same one, and all processes share it.
   * Do not ask WeChat for another one: that may end this one.
   *
   * @param refused the token that WeChat has just refused (40001, 40014, 42001). One new token is asked for, however many calls
   * report the same one. WeChat allows twenty such requests a day: after one that did not help there is a pause, in all processes
   * @throws ApiError `appid_unknown`, `wechat_*` or `store_unavailable`
   */
  accessToken(appid: string, refused?: string): Promise<AccessToken>
  /**
   * Replaces the option `apps`, for example after an appSecret was reset. Calls to WeChat that begin from now on use the new secrets,
   * and so does a call under way when WeChat refuses its old one. Sessions of a mini-program that is no longer named are refused.
   *
   * @throws TypeError as `weappAuth` does; then the old option stays
   */
  replaceApps(apps: readonly WechatApp[]): void
  /** What an operator may see of the stores and the mini-programs. WeChat is not asked. */
  inspect(): Promise<Inspection>

  /**
   * A page of what happened, newest first. The next page begins `after` the last event of this one; a page with fewer than
   * `limit` events is the last one. `limit`: 1 to 1 000, default 100.
   *
   * @throws Error without the option `events`
   * @throws ApiError `store_unavailable`
   */
  listEvents(query?: Partial<EventQuery>): Promise<AuthEvent[]>
  /**
   * A page of the events that could not be delivered for about a day, in the order of their ids. The next page begins `after` the
   * last one of this page. `limit`: 1 to 1 000, default 100.
   *
   * @throws Error without the option `events`
   * @throws ApiError `store_unavailable`
   */
  listGivenUpEvents(page?: { after?: string | null; limit?: number }): Promise<GivenUpEvent[]>
  /** Delivers events that were given up, and answers how many of `ids` were such events. Throws as {@link listGivenUpEvents}. */
  resendEvents(ids: readonly string[]): Promise<number>
  /**
   * A page of users who have one unionid in two mini-programs and were users before that was known, in the order of their ids.
   * `limit`: 1 to 1 000, default 100. Without the option `conflicts` it throws.
   *
   * @throws ApiError `store_unavailable`
   */
  listConflicts(page?: Partial<ConflictPage>): Promise<UserConflict[]>
  /**
   * Makes two users of a conflict one, after a person has decided so. The user who is kept gets the identities of the other one,
   * and the other one's externalId and phone number where they have none themselves. The other user is removed; their phones sign
   * in again by themselves. The result says why a merge is refused; null: there is no such conflict. Without the option
   * `conflicts` it throws.
   *
   * @throws ApiError `store_unavailable`
   */
  mergeUsers(merge: Merge, options?: ChangeOptions): Promise<MergeResult | null>
}

declare module 'fastify' {
  interface FastifyInstance {
    weappAuth: WeappAuth
  }
}

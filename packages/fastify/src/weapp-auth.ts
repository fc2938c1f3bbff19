import type { CreateSessionResponse, Device, RevocationReason } from '@weapp-auth/shared'
import type { FastifyRequest } from 'fastify'
import type { Accounts, ChangeOptions, DisableOptions } from './accounts.ts'
import { ApiError } from './api-error.ts'
import type { ConflictPage, ConflictStore, Merge, MergeResult, UserConflict } from './conflicts/conflict-store.ts'
import type { AuthEvent } from './events/event.ts'
import type { GivenUpEvent } from './events/event-queue.ts'
import type { EventQuery, EventStore } from './events/event-store.ts'
import type { RecordEvent } from './events/recorder.ts'
import { createdSession } from './http/bodies.ts'
import { authOf, findBearer, parseBearer, type RequestAuth } from './http/plugins/authenticate.ts'
import { askStore } from './http/routes/health.ts'
import type { GivePhoneResult, KeptPhone, PhoneStore } from './phone/phone-store.ts'
import { isPhoneNumber, type PhoneNumber } from './phone-number.ts'
import type { SessionStore } from './sessions/session-store.ts'
import type { Session, Sessions } from './sessions/sessions.ts'
import type { GuardedSockets, ServerSocket } from './sockets/guarded-sockets.ts'
import { checkExternalId } from './users/external-id.ts'
import type {
  ExternalIdResult,
  LinkedIdentity,
  LinkResult,
  User,
  UserIdentity,
  UserPage,
  UserStore,
} from './users/users.ts'
import type { AccessToken } from './wechat/access-token.ts'
import { checkApps, type WechatApp } from './wechat/app-secrets.ts'
import type { InspectedApp, WechatGateway } from './wechat/gateway.ts'

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

/** How the stores and the mini-programs are. */
export interface Inspection {
  stores: { sessions: 'up' | 'down'; users: 'up' | 'down' }
  apps: InspectedApp[]
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
  /**
   * Starts a session for a user of the store, however they proved who they are (password, SMS, another provider). It
   * returns the body of `POST /v1/sessions`, which is what a phone keeps.
   *
   * @throws RangeError when there is no such user, or the appid is not one of the option `apps`
   * @throws ApiError `user_disabled` or `store_unavailable`
   */
  issue(userId: string, about: IssueOptions): Promise<CreateSessionResponse>
  /** False when the user has no such session. */
  revoke(userId: string, sessionId: string, options?: RevokeOptions): Promise<boolean>
  /** Ends all sessions of a user and says how many. */
  revokeAll(userId: string, options?: RevokeOptions): Promise<number>
  /** The user's live sessions, oldest first. */
  list(userId: string): Promise<Session[]>
  /**
   * The live session behind a token that a phone has sent, for guards that stand elsewhere. It counts as use of the session. Null
   * for anything else than the token of a live session.
   *
   * @throws ApiError `store_unavailable`
   */
  findSession(token: string): Promise<Session | null>
  /**
   * What the guard finds out from the header `Authorization` of a request, for one that somebody else has answered for.
   *
   * @throws ApiError `session_missing`, `session_malformed`, `session_invalid`, `session_revoked` or `store_unavailable`
   */
  authenticate(authorization: string | undefined): Promise<RequestAuth>
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
   * Says what phone number a user has, who did not prove it here; null takes away the one there is. The result says when another
   * user has the number, or this one has proved another: those stay. Without the option `phones` it throws.
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
   * The access_token of a mini-program, for calls of WeChat's server APIs. It is the one that the plugin uses itself, and that all
   * processes share: who asks WeChat for one of their own may end it.
   *
   * @param refused the token that WeChat has just refused (40001, 40014, 42001). A new one is asked for, once for all who say so.
   * WeChat forces twenty a day: after a forced one that did not help there is a pause, for all processes
   * @throws ApiError `appid_unknown`, `wechat_*` or `store_unavailable`
   */
  accessToken(appid: string, refused?: string): Promise<AccessToken>
  /** What an operator may see of the stores and the mini-programs. It asks WeChat nothing. */
  inspect(): Promise<Inspection>
  /**
   * Replaces the option `apps`, when an appSecret was reset, say: calls to WeChat that begin now, and those that WeChat refuses an
   * old appSecret, take the new ones. Sessions of a mini-program that is no longer named are refused.
   *
   * @throws TypeError as `weappAuth` does; then the old ones stay
   */
  replaceApps(apps: readonly WechatApp[]): void
  findUser(userId: string): Promise<User | null>
  findUserByExternalId(externalId: string): Promise<User | null>
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
   * replaces the one the user has, in all live sessions too. The result says when another user has it. Asked again after a
   * failure it completes what was begun.
   *
   * @param externalId 1 to 128 visible ASCII characters
   * @throws TypeError for any other text; RangeError when there is no such user
   * @throws ApiError `store_unavailable`
   */
  setExternalId(userId: string, externalId: string | null, options?: ChangeOptions): Promise<ExternalIdResult>
  /**
   * Ends the user's sessions (`admin`) and refuses sign-ins with `user_disabled`, until a time or until {@link enableUser}.
   * False when there is no such user. Asked again after a failure it completes what was begun.
   *
   * @throws RangeError for a reason that is too long or a date that is none; ApiError `store_unavailable`
   */
  disableUser(userId: string, options: DisableOptions): Promise<boolean>
  /** Lets a disabled user sign in again. False when there is no such user, or the user was not disabled. */
  enableUser(userId: string, options?: ChangeOptions): Promise<boolean>
  /**
   * Removes a user for ever, with identities, keys and profile, and ends the sessions (`erased`). False when there is no such
   * user. An erasure that fails is gone on with when it is asked for again, when the user signs in, and by itself after a while.
   *
   * @throws ApiError `store_unavailable`
   */
  eraseUser(userId: string, options?: ChangeOptions): Promise<boolean>
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
  /** Delivers events that were given up. Answers how many of these ids it was. Throws as {@link listGivenUpEvents}. */
  resendEvents(ids: readonly string[]): Promise<number>
  /**
   * A page of users who have one unionid in two mini-programs and were users before that was known, in the order of their ids.
   * `limit`: 1 to 1 000, default 100. Without the option `conflicts` it throws.
   *
   * @throws ApiError `store_unavailable`
   */
  listConflicts(page?: Partial<ConflictPage>): Promise<UserConflict[]>
  /**
   * Makes two users of a conflict one, by the decision of a person: the one who is kept gets the identities of the other one, and
   * their externalId and phone number where there is none. The other user is gone, and their phones sign in again by themselves.
   * The result says what is in the way; null: there is no such conflict. Without the option `conflicts` it throws.
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

/** What `app.weappAuth` is made of. */
export interface WeappAuthDeps {
  wechat: WechatGateway
  /** Where the records of `sessions` are. */
  store: SessionStore
  sessions: Sessions
  users: UserStore
  accounts: Accounts
  /** Null: this service keeps no phone numbers. */
  phones: PhoneStore | null
  /** Null: users are not merged here. */
  conflicts: ConflictStore | null
  /** Null: the application has none. */
  sockets: GuardedSockets | null
  /** Null: what happens is not written down. */
  events: EventStore | null
  record: RecordEvent
  /** Milliseconds since 1970. */
  now: () => number
}

const MAX_PAGE = 1_000

/** Makes `app.weappAuth`. */
export function createWeappAuth(deps: WeappAuthDeps): WeappAuth {
  const { wechat, store, sessions, users, accounts, phones, conflicts, sockets, events, record, now } = deps
  return {
    createUser,

    async issue(userId, { appid, device, isNew = false, authorization, by = 'host' }) {
      if (!wechat.hasApp(appid)) throw new RangeError('this appid is not one of the option apps')
      const read = async () => ({ user: await getUser(userId) })
      const about = { appid, ...(device && { device }), replaces: findBearer(authorization) }
      const { issued, user } = await accounts.startSession(read, about)
      record({ type: 'sign_in', by, userId, data: { appid, sessionId: issued.session.id, isNew } })
      return createdSession(issued, user, isNew)
    },

    revoke: (userId, sessionId, { reason = 'admin', by = 'host' } = {}) =>
      sessions.revoke(userId, sessionId, reason, by),

    revokeAll: (userId, { reason = 'admin', by = 'host' } = {}) => sessions.revokeAll(userId, reason, { by }),

    list: (userId) => sessions.list(userId),

    async findSession(token) {
      try {
        return await sessions.get(token)
      } catch (error) {
        if (error instanceof ApiError && error.statusCode === 401) return null
        throw error
      }
    },

    authenticate: async (authorization) => authOf(await sessions.getRecord(parseBearer(authorization))),

    findIdentity: (userId, appid) => users.findIdentity(userId, appid),

    listIdentities: (userId) => users.listIdentities(userId),

    async linkIdentity(userId, appid, code, { by = 'host' } = {}) {
      wechat.checkCode(code)
      // Before the code is spent: there is somebody to link, and the store takes what will be written.
      accounts.refuseDisabled(await getUser(userId))
      await users.ping()
      const identity = await sessions.spendCode(appid, code, () => wechat.code2Session(appid, code))
      const result = await users.linkIdentity(userId, appid, identity, now(), by)
      if (!result) throw noSuchUser()
      return result
    },

    async resetSessionKey(userId, appid) {
      const keys = await users.findKeys(userId, appid)
      const [sessionKey] = keys?.sessionKeys ?? []
      if (!keys || sessionKey === undefined) return false
      const fresh = await wechat.resetSessionKey({ appid, openid: keys.openid, sessionKey })
      if (fresh === null) return false
      await users.replaceKey(userId, appid, fresh, now())
      return true
    },

    async findPhone(userId) {
      if (!phones) throw noPhones()
      return phones.find(userId)
    },

    async setPhone(userId, phone, { by = 'host' } = {}) {
      if (!phones) throw noPhones()
      if (phone) {
        checkPhone(phone)
        const result = await phones.give(userId, phone, now(), by)
        if (!result) throw noSuchUser()
        return result
      }
      if (!(await users.findUser(userId))) throw noSuchUser()
      await phones.remove(userId, by)
      return { given: true }
    },

    guardSocket(socket, { auth }) {
      if (!sockets) throw noSockets()
      sockets.guard(socket, auth)
    },

    async push(userId, text) {
      if (!sockets) throw noSockets()
      await sockets.push(userId, text)
    },

    accessToken: (appid, refused) => wechat.accessToken(appid, refused),

    async inspect() {
      const [sessions, usersAre, apps] = await Promise.all([askStore(store), askStore(users), wechat.inspect()])
      return { stores: { sessions, users: usersAre }, apps }
    },

    replaceApps(apps) {
      checkApps(apps)
      wechat.replaceApps(apps)
    },

    findUser: (userId) => users.findUser(userId),

    findUserByExternalId: (externalId) => users.findUserByExternalId(externalId),

    findUserByIdentity: (appid, openid) => users.findUserByIdentity(appid, openid),

    async findUserByPhone(phone) {
      if (!phones) throw noPhones()
      checkPhone(phone)
      const holder = await phones.findHolder(phone)
      return holder && users.findUser(holder.userId)
    },

    async listUsers({ after = null, limit = 100 } = {}) {
      return users.listUsers({ after, limit: checkLimit(limit) })
    },

    async setExternalId(userId, externalId, { by = 'host' } = {}) {
      const result = await accounts.setExternalId(userId, externalId, true, by)
      if (!result) throw noSuchUser()
      return result
    },

    disableUser: (userId, options) => accounts.disable(userId, options),

    enableUser: (userId, { by = 'host' } = {}) => accounts.enable(userId, by),

    eraseUser: (userId, { by = 'host' } = {}) => accounts.erase(userId, by),

    async listConflicts({ after = null, limit = 100 } = {}) {
      if (!conflicts) throw noConflicts()
      return conflicts.listConflicts({ after, limit: checkLimit(limit) })
    },

    async mergeUsers(merge, { by = 'host' } = {}) {
      if (!conflicts) throw noConflicts()
      return accounts.merge(conflicts, merge, by)
    },

    async listEvents({ limit = 100, ...query } = {}) {
      if (!events) throw noEvents()
      return events.list({ ...query, limit: checkLimit(limit) })
    },

    async listGivenUpEvents({ after = null, limit = 100 } = {}) {
      if (!events) throw noEvents()
      return events.queue?.listGivenUp({ after, limit: checkLimit(limit) }) ?? []
    },

    async resendEvents(ids) {
      if (!events) throw noEvents()
      return events.queue?.resend(ids, now()) ?? 0
    },
  }

  async function createUser(): Promise<User>
  async function createUser(options: CreateUserOptions): Promise<User | null>
  async function createUser(options?: CreateUserOptions): Promise<User | null> {
    if (!options) return users.createUser(now())
    return users.createUserWithExternalId(checkExternalId(options.externalId), now())
  }

  async function getUser(userId: string): Promise<User> {
    const user = await users.findUser(userId)
    if (!user) throw noSuchUser()
    return user
  }
}

function checkLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit
  throw new RangeError(`limit must be a whole number from 1 to ${MAX_PAGE}`)
}

function noEvents(): Error {
  return new Error('there are no events: give weappAuth the option events')
}

function noConflicts(): Error {
  return new Error('conflicts are not kept: give weappAuth the option conflicts')
}

function noSockets(): Error {
  return new Error('there are no sockets: give weappAuth the option sockets, {} for its defaults')
}

function checkPhone(phone: PhoneNumber): void {
  if (isPhoneNumber(phone)) return
  throw new RangeError('phone must be { number: 4 to 15 digits, countryCode: 1 to 4 digits }')
}

function noPhones(): Error {
  return new Error('there are no phone numbers: give weappAuth the option phones')
}

function noSuchUser(): RangeError {
  return new RangeError('there is no such user')
}

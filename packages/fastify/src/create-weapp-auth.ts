import type { Accounts } from './accounts.ts'
import { ApiError } from './api-error.ts'
import type { ConflictStore } from './conflicts/conflict-store.ts'
import type { EventStore } from './events/event-store.ts'
import type { RecordEvent } from './events/recorder.ts'
import { createdSession } from './http/bodies.ts'
import { authOf, findBearer, parseBearer } from './http/plugins/authenticate.ts'
import { askStore } from './http/routes/health.ts'
import type { PhoneStore } from './phone/phone-store.ts'
import { isPhoneNumber, type PhoneNumber } from './phone-number.ts'
import type { SessionStore } from './sessions/session-store.ts'
import type { Sessions } from './sessions/sessions.ts'
import type { GuardedSockets } from './sockets/guarded-sockets.ts'
import { checkExternalId } from './users/external-id.ts'
import type { User, UserStore } from './users/users.ts'
import type { CreateUserOptions, WeappAuth } from './weapp-auth.ts'
import { checkApps } from './wechat/app-secrets.ts'
import type { WechatGateway } from './wechat/gateway.ts'

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

    findUser: (userId) => users.findUser(userId),

    findUserByExternalId: (externalId) => users.findUserByExternalId(externalId),

    findUserByIdentity: (appid, openid) => users.findUserByIdentity(appid, openid),

    async findUserByPhone(phone) {
      const store = needed(phones, 'phones')
      checkPhone(phone)
      const holder = await store.findHolder(phone)
      return holder && users.findUser(holder.userId)
    },

    listUsers: async ({ after = null, limit = 100 } = {}) => users.listUsers({ after, limit: checkLimit(limit) }),

    async setExternalId(userId, externalId, { by = 'host' } = {}) {
      const result = await accounts.setExternalId(userId, externalId, true, by)
      if (!result) throw noSuchUser()
      return result
    },

    disableUser: (userId, options) => accounts.disable(userId, options),

    enableUser: (userId, { by = 'host' } = {}) => accounts.enable(userId, by),

    eraseUser: (userId, { by = 'host' } = {}) => accounts.erase(userId, by),

    async issue(userId, { appid, device, isNew = false, authorization, by = 'host' }) {
      if (!wechat.hasApp(appid)) throw new RangeError('this appid is not one of the option apps')
      const read = async () => ({ user: await getUser(userId) })
      const about = { appid, ...(device && { device }), replaces: findBearer(authorization) }
      const { issued, user } = await accounts.startSession(read, about)
      record({ type: 'sign_in', by, userId, data: { appid, sessionId: issued.session.id, isNew } })
      return createdSession(issued, user, isNew)
    },

    authenticate: async (authorization) => authOf(await sessions.getRecord(parseBearer(authorization))),

    async findSession(token) {
      try {
        return await sessions.get(token)
      } catch (error) {
        if (error instanceof ApiError && error.statusCode === 401) return null
        throw error
      }
    },

    list: (userId) => sessions.list(userId),

    revoke: (userId, sessionId, { reason = 'admin', by = 'host' } = {}) =>
      sessions.revoke(userId, sessionId, reason, by),

    revokeAll: (userId, { reason = 'admin', by = 'host' } = {}) => sessions.revokeAll(userId, reason, { by }),

    findIdentity: (userId, appid) => users.findIdentity(userId, appid),

    listIdentities: (userId) => users.listIdentities(userId),

    async linkIdentity(userId, appid, code, { by = 'host' } = {}) {
      wechat.checkCode(code)
      // Before the code is spent: the user exists, and the store takes what will be written.
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

    findPhone: async (userId) => needed(phones, 'phones').find(userId),

    async setPhone(userId, phone, { by = 'host' } = {}) {
      const store = needed(phones, 'phones')
      if (phone) {
        checkPhone(phone)
        const result = await store.give(userId, phone, now(), by)
        if (!result) throw noSuchUser()
        return result
      }
      await getUser(userId)
      await store.remove(userId, by)
      return { given: true }
    },

    guardSocket: (socket, { auth }) => needed(sockets, 'sockets').guard(socket, auth),

    push: async (userId, text) => needed(sockets, 'sockets').push(userId, text),

    accessToken: (appid, refused) => wechat.accessToken(appid, refused),

    replaceApps(apps) {
      checkApps(apps)
      wechat.replaceApps(apps)
    },

    async inspect() {
      const [sessionsAre, usersAre, apps, undelivered] = await Promise.all([
        askStore(store),
        askStore(users),
        wechat.inspect(),
        events?.queue?.inspect().catch(() => null) ?? null,
      ])
      return { stores: { sessions: sessionsAre, users: usersAre }, apps, events: undelivered }
    },

    listEvents: async ({ limit = 100, ...query } = {}) =>
      needed(events, 'events').list({ ...query, limit: checkLimit(limit) }),

    listGivenUpEvents: async ({ after = null, limit = 100 } = {}) =>
      needed(events, 'events').queue?.listGivenUp({ after, limit: checkLimit(limit) }) ?? [],

    resendEvents: async (ids) => needed(events, 'events').queue?.resend(ids, now()) ?? 0,

    listConflicts: async ({ after = null, limit = 100 } = {}) =>
      needed(conflicts, 'conflicts').listConflicts({ after, limit: checkLimit(limit) }),

    mergeUsers: async (merge, { by = 'host' } = {}) => accounts.merge(needed(conflicts, 'conflicts'), merge, by),
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

/** A part that the host application may leave out of the options. */
function needed<T>(part: T | null, option: 'phones' | 'sockets' | 'events' | 'conflicts'): T {
  if (part) return part
  throw new Error(`this is not set up here: give weappAuth the option ${option}`)
}

function checkLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit
  throw new RangeError(`limit must be a whole number from 1 to ${MAX_PAGE}`)
}

function checkPhone(phone: PhoneNumber): void {
  if (isPhoneNumber(phone)) return
  throw new RangeError('phone must be { number: 4 to 15 digits, countryCode: 1 to 4 digits }')
}

function noSuchUser(): RangeError {
  return new RangeError('there is no such user')
}

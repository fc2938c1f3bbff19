import { ROUTES } from '@weapp-auth/shared'
import type { Auth, AuthEvents, CreateAuthOptions, EnsureLoginOptions, Session, SessionUser } from './contract.ts'
import { within } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import { call, createEvents, type Events } from './events.ts'
import { createPipeline, type Send } from './pipeline.ts'
import { createService, refusal } from './service.ts'
import { CHECK_TIMEOUT_MS, createSession, type SessionKeeper, view } from './session.ts'
import { createConnectSocket } from './socket.ts'
import { createSessionStorage, STORAGE_TIMEOUT_MS } from './storage.ts'
import { type AuthFailure, deliver } from './task.ts'
import { createLocate } from './url.ts'
import { type Callbacks, createWeChat, type NetworkCall, type RequestResult, type WxRequestOptions } from './wx.ts'

const STORAGE_FORMAT = 1

/** What may be waited for before a login begins. */
const BEFORE_LOGIN_MS = STORAGE_TIMEOUT_MS + CHECK_TIMEOUT_MS

/** What instances with the same storage, key and address have in common. */
interface Shared<User> {
  session: SessionKeeper<User>
  events: Events<AuthEvents<User>>
}

/** By storage (or `wx`, whose storage it is), then by key. */
const shared = new WeakMap<object, Record<string, Shared<never>>>()
const GLOBAL_WX = {}

/**
 * Makes the one object a mini-program signs in and sends requests with.
 *
 * @throws TypeError naming the option that is wrong
 */
export function createAuth<User = SessionUser>(options: CreateAuthOptions): Auth<User> {
  const {
    allowOrigins = [],
    storageKey = 'weapp-auth',
    encrypt,
    loginTimeoutMs = 15_000,
    checkSession = 'launch',
    device = false,
    loginData,
    header: bearer = (token: string) => ({ Authorization: `Bearer ${token}` }),
    isUnauthorized = (response: RequestResult) => Number(Object(response).statusCode) === 401,
    now = Date.now,
    logger,
  } = options
  const baseUrl = String(options.baseUrl).replace(/\/+$/, '')
  const locate = createLocate(baseUrl, allowOrigins)
  if (!Number.isFinite(loginTimeoutMs) || loginTimeoutMs <= 0)
    throw new TypeError('loginTimeoutMs must be a positive number')
  if (checkSession !== 'launch' && checkSession !== 'never')
    throw new TypeError("checkSession must be 'launch' or 'never'")
  const wechat = createWeChat(options.wx, encrypt)
  const service = createService<User>(wechat, baseUrl, bearer)
  const appid = () => options.appid || wechat.account().appId
  const { session, events } = join()
  const through = createPipeline({ session, judge: service.judge, locate, bearer, loginTimeoutMs })

  function join(): Shared<User> {
    const owner = options.storage || options.wx || GLOBAL_WX
    const byKey = (shared.get(owner) || {}) as Record<string, Shared<User>>
    shared.set(owner, byKey as never)
    // Not without the address: the token of one service is not for another.
    const key = storageKey + baseUrl
    byKey[key] = byKey[key] || create()
    return byKey[key]
  }

  function create(): Shared<User> {
    const events = createEvents<AuthEvents<User>>({ login: [], logout: [], loginFail: [] })
    // Later, so that a handler may call this package again.
    function tell<Name extends keyof AuthEvents>(name: Name, detail: AuthEvents<User>[Name], why: string): void {
      setTimeout(() => {
        events.emit(name, detail)
        call(logger, `${name} ${why}`)
      }, 0)
    }

    const session = createSession<User>({
      wechat,
      service,
      baseUrl,
      appid,
      device,
      loginData,
      loginTimeoutMs,
      checkSession,
      now,
      storage: createSessionStorage(options.storage || wechat.storage, storageKey, scope),
      tell,
    })
    return { session, events }
  }

  function scope(): string {
    return [STORAGE_FORMAT, baseUrl, appid(), wechat.account().envVersion].join(' ')
  }

  /** Puts the pipeline around `send`. */
  function around(name: NetworkCall, send: Send<RequestResult>) {
    return (given: object) => {
      const { outcome, task } = through(name, given, send, isUnauthorized)
      return deliver(name, Object(given), outcome, task) as never
    }
  }

  function sends(name: NetworkCall) {
    return around(name, (sent, { use }) => wechat.send(name, sent, use))
  }

  const request = sends('request') as (given: WxRequestOptions) => Promise<RequestResult>

  /** A route of the service that answers with `field`. */
  async function ask<Field extends string>(field: Field, given: WxRequestOptions): Promise<Record<Field, never>> {
    const response = await request(given)
    const data = Object(response.data)
    if (!(response.statusCode >= 300) && data[field]) return data
    throw refusal(response, 'request', 'rejected')
  }

  /** A login may take the place of another, and that of a third: the call has one deadline all the same. */
  function inTime<T>(work: Promise<T>, limitMs?: number): Promise<T> {
    return within(limitMs || loginTimeoutMs + BEFORE_LOGIN_MS, work, () =>
      Promise.reject(new AuthError('login_timeout', 'login:fail timeout')),
    )
  }

  function ensureLogin(given: EnsureLoginOptions & Callbacks<Session<User>, AuthFailure> = {}) {
    const { force = false, timeoutMs } = given
    return deliver('ensureLogin', given, inTime(session.ensure(force).then(view), timeoutMs), undefined) as never
  }

  return {
    ensureLogin,
    ready: () => (ensureLogin() as Promise<Session<User>>).catch(() => null),
    ensureSessionKey: () => inTime(session.ensureSessionKey()),
    loginWith: async ({ url, data }) =>
      view(await inTime(session.loginWith({ url: locate({ url }, 'loginWith').url, data }))),
    getSession() {
      const active = session.current()
      return active && view(active)
    },
    request: request as never,
    uploadFile: sends('uploadFile'),
    downloadFile: sends('downloadFile'),
    connectSocket: createConnectSocket(wechat, service.judge, through),
    wrap: (send) =>
      around('request', (sent, { use }) => {
        const sending = send(sent as never)
        use(sending)
        return Promise.resolve(sending) as never
      }),
    logout: (given = {}) => session.logout(given),
    async updateProfile(changes) {
      // Not under whoever signs in next: a login that the request waits for may be another user's.
      const { user: before } = await ask('user', { url: ROUTES.me })
      const { id } = before as SessionUser
      const active = session.current()
      if (!active || Object(active.user).id !== id) throw loggedOut()
      const { user } = await ask('user', { url: ROUTES.profile, method: 'POST', data: changes as object })
      session.update(user)
      return user
    },
    async decrypt({ encryptedData, iv }) {
      try {
        const { data } = await ask('data', {
          url: ROUTES.decryptOpenData,
          method: 'POST',
          data: { encryptedData, iv },
        })
        return data
      } finally {
        session.releaseSessionKey()
      }
    },
    on: events.on,
  }
}

import type { CreateSessionResponse } from '@weapp-auth/shared'
import type { AuthError } from './errors.ts'
import { createEvents } from './events.ts'
import { createLogin } from './login.ts'
import { type AuthOptions, createPipeline } from './pipeline.ts'
import { createService } from './service.ts'
import { createSession } from './session.ts'
import { type ActiveSession, createSessionStorage, type SignOutReason } from './storage.ts'
import { createTargets } from './url.ts'
import { createWeChat, type KeyValueStorage, type RequestResult, type Wx, type WxRequestOptions } from './wx.ts'

/** A user as the service of this project shows it; `isNew` only in the session of the very first sign-in. */
export type SessionUser = CreateSessionResponse['user']

/** Who is signed in. The token is not in it and cannot be had. */
export interface Session<User = SessionUser> {
  id: string
  /** ISO 8601. */
  createdAt: string
  /** By this phone's clock, and only a hint: it moves with every accepted request, and the service decides. */
  expiresAtMs: number
  user: User
}

/** The options of `createAuth`; only `baseUrl` is required. */
export interface CreateAuthOptions {
  /** Where the service is: an origin and an optional path. https, or http for loopback and private hosts. */
  baseUrl: string
  /** Default: what `wx.getAccountInfoSync()` says. */
  appid?: string
  /** Further origins that may get the token. */
  allowOrigins?: readonly string[]
  /** Where the session is kept. Default: the asynchronous storage of `wx`. */
  storage?: KeyValueStorage
  /** Default `'weapp-auth'`. */
  storageKey?: string
  /** How long `wx.login` and the exchange may take together, in milliseconds. Default 15 000. */
  loginTimeoutMs?: number
  /** `'launch'` (default) asks WeChat once per run of the app whether its session_key still lives; `'never'` does not. */
  checkSession?: 'launch' | 'never'
  /** What the service's `onSignIn` hook gets as `data`: at most 4 kB of JSON. */
  loginData?: unknown
  /** In place of the global `wx`. */
  wx?: Wx
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** What `on` can be asked for, with what its handlers get. */
export interface AuthEvents<User = SessionUser> {
  login: Session<User>
  logout: { reason: SignOutReason }
  loginFail: AuthError
}

export interface EnsureLoginOptions {
  /** Signs in anew although there is a session, or although the user signed out: for the tap on a login button. */
  force?: boolean
}

/** The options of `wx.request`, and what to do about signing in. */
export interface RequestOptions extends WxRequestOptions, AuthOptions {}

export interface Auth<User = SessionUser> {
  /**
   * Signs in unless there is a session. Call it in `App.onLaunch`; nothing has to wait for it.
   *
   * @throws AuthError `login_failed`, `login_timeout`, `login_rejected`, `login_throttled`, `unavailable`,
   * `bad_response`, `network`, `timeout` or `logged_out`
   */
  ensureLogin(options?: EnsureLoginOptions): Promise<Session<User>>
  /**
   * `wx.request` with the token, one silent login when there is none, and one replay after a 401. It resolves on every
   * other status, as `wx` does.
   *
   * @throws AuthError as `ensureLogin`, and `unauthorized` or `invalid_argument`
   */
  request<T = unknown>(options: RequestOptions): Promise<RequestResult<T>>
  /** Who is signed in, or null: without a usable session, and until the storage was read for the first call above. */
  getSession(): Session<User> | null
  /** Signs out on this device at once, also offline, until `ensureLogin({ force: true })`; then tells the service. */
  logout(): Promise<void>
  /** Calls `handler` after each such event; returns what ends that. */
  on<Name extends keyof AuthEvents<User>>(name: Name, handler: (detail: AuthEvents<User>[Name]) => unknown): () => void
}

const STORAGE_FORMAT = 1

/**
 * Makes the one object a mini-program signs in and sends requests with.
 *
 * @throws TypeError naming the option that is wrong
 */
export function createAuth<User = SessionUser>(options: CreateAuthOptions): Auth<User> {
  const {
    allowOrigins = [],
    storageKey = 'weapp-auth',
    loginTimeoutMs = 15_000,
    checkSession = 'launch',
    loginData,
    now = () => Date.now(),
  } = options
  const baseUrl = String(options.baseUrl).replace(/\/+$/, '')
  const target = createTargets(baseUrl, allowOrigins)
  if (!Number.isFinite(loginTimeoutMs) || loginTimeoutMs <= 0)
    throw new TypeError('loginTimeoutMs must be a positive number')
  const wechat = createWeChat(options.wx)
  const service = createService<User>(wechat, baseUrl)
  const events = createEvents<AuthEvents<User>>({ login: [], logout: [], loginFail: [] })
  const appid = () => options.appid || wechat.account().appId
  const session = createSession<User>({
    storage: createSessionStorage(options.storage || wechat.storage, storageKey, scope),
    login: createLogin({
      wechat,
      service,
      appid,
      loginData,
      timeoutMs: loginTimeoutMs,
      onFail: (error) => events.emit('loginFail', error),
    }),
    revoke: service.revoke,
    isSessionKeyAlive: checkSession === 'launch' ? wechat.isSessionKeyAlive : null,
    now,
    onLogin: (active) => events.emit('login', view(active)),
    onLogout: (reason) => events.emit('logout', { reason }),
  })
  const through = createPipeline({ session, target })

  function scope(): string {
    return [STORAGE_FORMAT, baseUrl, appid(), wechat.account().envVersion].join(' ')
  }

  return {
    ensureLogin: ({ force = false } = {}) => session.ensure(force).then(view),
    request: <T>(given: RequestOptions) => through(given, wechat.request) as Promise<RequestResult<T>>,
    getSession() {
      const active = session.current()
      return active && view(active)
    },
    logout: session.logout,
    on: events.on,
  }
}

function view<User>({ issued: { session, user }, expiresAtMs }: ActiveSession<User>): Session<User> {
  return Object.assign({ expiresAtMs, user }, session)
}

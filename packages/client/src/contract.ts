// What callers see. The doc comments here are the reference.
import type { CreateSessionResponse, DecryptOpenDataRequest, UserProfile } from '@weapp-auth/shared'
import type { AuthError } from './errors.ts'
import type { AuthOptions, CallOptions } from './pipeline.ts'
import type { SignInRequest } from './service.ts'
import type { LogoutOptions } from './session.ts'
import type { SocketOptions } from './socket.ts'
import type { SignOutReason } from './storage.ts'
import type { AuthFailure } from './task.ts'
import type {
  Callbacks,
  DownloadResult,
  KeyValueStorage,
  RequestResult,
  SocketTask,
  Task,
  UploadResult,
  Wx,
  WxDownloadOptions,
  WxRequestOptions,
  WxUploadOptions,
} from './wx.ts'

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
  /** Further origins that may get the token, compared letter for letter. Default none. */
  allowOrigins?: readonly string[]
  /** Where the session is kept. Default: the asynchronous storage of `wx`. */
  storage?: KeyValueStorage
  /**
   * Two with the same key and `baseUrl` share one session and one login, with other keys they know nothing of each other.
   * Default `'weapp-auth'`.
   */
  storageKey?: string
  /** Whether WeChat encrypts what is stored (base library 2.21.3). Default false. */
  encrypt?: boolean
  /** How long `wx.login` and the exchange may take together, in milliseconds. Default 15 000. */
  loginTimeoutMs?: number
  /** `'launch'` (default) asks WeChat once per run of the app whether its session_key still lives; `'never'` does not. */
  checkSession?: 'launch' | 'never'
  /** Whether to send what the phone is with a login. Default false; declare it in the privacy guideline first. */
  device?: boolean
  /** What the service's `onSignIn` hook gets as `data`: a value, or a function asked before each login. At most 4 kB of JSON. */
  loginData?: unknown
  /** The header that carries the token. Default: `Authorization: Bearer <token>`. */
  header?: (token: string) => Record<string, string>
  /** Which answers mean "this token is not valid". Default: status 401. */
  isUnauthorized?: (response: RequestResult) => boolean
  /** In place of the global `wx`. */
  wx?: Wx
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
  /** Gets short sentences about what happens, never a token or a code. Default none. */
  logger?: (message: string) => void
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
  /** How long this call waits, in milliseconds, while the login goes on for others. Default: `loginTimeoutMs` and 4 s. */
  timeoutMs?: number
}

/** At least one callback: then a call returns what `wx` returns, and no promise. */
export type WithCallbacks<Result> = Callbacks<Result, AuthFailure> &
  (
    | { success: (result: Result) => void }
    | { fail: (failure: AuthFailure) => void }
    | { complete: (outcome: Result | AuthFailure) => void }
  )

type WithoutCallbacks = { success?: undefined; fail?: undefined; complete?: undefined }

/** The options of `wx.request`, and what to do about signing in. */
export interface RequestOptions extends WxRequestOptions, AuthOptions {}
/** The options of `wx.uploadFile`, and what to do about signing in. */
export interface UploadOptions extends WxUploadOptions, AuthOptions {}
/** The options of `wx.downloadFile`, and what to do about signing in. */
export interface DownloadOptions extends WxDownloadOptions, AuthOptions {}

type Listener<Detail> = (detail: Detail) => void

/** A call under way, also while it waits for a login. What is registered on it holds for the replay too. */
export interface RequestTask extends Task {
  onHeadersReceived(
    listener: Listener<{ header: Record<string, string>; statusCode: number; cookies?: string[] }>,
  ): void
  offHeadersReceived(listener?: Listener<never>): void
  onChunkReceived(listener: Listener<{ data: ArrayBuffer }>): void
  offChunkReceived(listener?: Listener<never>): void
}

/** An upload under way. */
export interface UploadTask extends Task {
  onProgressUpdate(
    listener: Listener<{ progress: number; totalBytesSent: number; totalBytesExpectedToSend: number }>,
  ): void
  offProgressUpdate(listener?: Listener<never>): void
  onHeadersReceived(listener: Listener<{ header: Record<string, string> }>): void
  offHeadersReceived(listener?: Listener<never>): void
}

/** A download under way. */
export interface DownloadTask extends Task {
  onProgressUpdate(
    listener: Listener<{ progress: number; totalBytesWritten: number; totalBytesExpectedToWrite: number }>,
  ): void
  offProgressUpdate(listener?: Listener<never>): void
  onHeadersReceived(listener: Listener<{ header: Record<string, string> }>): void
  offHeadersReceived(listener?: Listener<never>): void
}

export interface Auth<User = SessionUser> {
  /**
   * Signs in unless there is a session. Call it in `App.onLaunch`; nothing has to wait for it.
   *
   * @throws AuthError `login_failed`, `login_timeout`, `login_rejected`, `login_throttled`, `unavailable`,
   * `bad_response`, `network`, `timeout` or `logged_out`
   */
  ensureLogin(options: EnsureLoginOptions & WithCallbacks<Session<User>>): void
  ensureLogin(options?: EnsureLoginOptions & WithoutCallbacks): Promise<Session<User>>
  /** The session as soon as there is one, or null when none is to be had: for a page's `onLoad`. Never rejects. */
  ready(): Promise<Session<User> | null>
  /**
   * Call it before the tap that brings `encryptedData`: a session whose session_key WeChat still knows. Until `decrypt`
   * settles, 60 s at most, no login begins in the background, which might change that key.
   *
   * @throws AuthError as `ensureLogin`
   */
  ensureSessionKey(): Promise<void>
  /**
   * Signs in by other means, e.g. a password: what `url` answers must be what `POST /v1/sessions` answers. Such a session is
   * never renewed silently: its end is a `logout` event.
   *
   * @throws AuthError as `ensureLogin`, and `invalid_argument`
   */
  loginWith(request: SignInRequest): Promise<Session<User>>
  /** Who is signed in, or null: without a usable session, and until the storage was read for the first call above. */
  getSession(): Session<User> | null
  /**
   * `wx.request` with the token, one silent login when there is none, and one replay after a 401. It succeeds on every
   * other status, as `wx` does.
   *
   * @throws AuthError as `ensureLogin`, and `unauthorized`, `aborted` or `invalid_argument`
   */
  request<T = unknown>(options: RequestOptions & WithCallbacks<RequestResult<T>>): RequestTask
  request<T = unknown>(options: RequestOptions & WithoutCallbacks): Promise<RequestResult<T>> & RequestTask
  /** `wx.uploadFile`, in the same way. */
  uploadFile(options: UploadOptions & WithCallbacks<UploadResult>): UploadTask
  uploadFile(options: UploadOptions & WithoutCallbacks): Promise<UploadResult> & UploadTask
  /** `wx.downloadFile`, in the same way. */
  downloadFile(options: DownloadOptions & WithCallbacks<DownloadResult>): DownloadTask
  downloadFile(options: DownloadOptions & WithoutCallbacks): Promise<DownloadResult> & DownloadTask
  /**
   * `wx.connectSocket` with the token in the upgrade. After close code 4401, or an upgrade that the service refused to
   * this token, one login and one reconnect: then `onOpen` is called again.
   */
  connectSocket(options: SocketOptions): SocketTask
  /** Puts the same way around another library's request function, which is called with `url` and `header` filled in. */
  wrap<Options extends CallOptions, Result>(
    send: (options: Options) => PromiseLike<Result>,
  ): (options: Options & AuthOptions) => Promise<Result> & Task
  /**
   * Signs out on this device at once, also offline, until `ensureLogin({ force: true })` or `loginWith()`; then tells the
   * service.
   *
   * @throws AuthError only with `everywhere`: when the service could not be told. Calling it again tries again.
   */
  logout(options?: LogoutOptions): Promise<void>
  /**
   * Changes these fields of the user's profile.
   *
   * @throws AuthError as `request`, `rejected`, `unavailable` or `bad_response`
   */
  updateProfile(profile: Partial<UserProfile>): Promise<User & { profile: UserProfile }>
  /**
   * What WeChat encrypted for the service, e.g. by `wx.getWeRunData`; see `ensureSessionKey`.
   *
   * @throws AuthError as `updateProfile`; its `problem` `session_key_stale` asks for another tap
   */
  decrypt<Data = Record<string, unknown>>(encrypted: DecryptOpenDataRequest): Promise<Data>
  /** Calls `handler` after each such event; returns what ends that. */
  on<Name extends keyof AuthEvents<User>>(name: Name, handler: (detail: AuthEvents<User>[Name]) => unknown): () => void
}

// Everything a caller sees. The doc comments here are the reference. This file imports types only.
import type {
  BindPhoneResponse,
  CreateSessionResponse,
  DecryptOpenDataRequest,
  ProblemCode,
  RevocationReason,
  UserProfile,
} from '@weapp-auth/shared'
import type {
  Callbacks,
  DownloadResult,
  DownloadTask,
  RequestResult,
  RequestTask,
  SocketTask,
  Task,
  UploadResult,
  UploadTask,
  Wx,
  WxDownloadOptions,
  WxRequestOptions,
  WxSocketOptions,
  WxUploadOptions,
} from './wx-api.ts'

/** A user as the service of this project shows it. `isNew` is true only in the session of the very first sign-in. */
export type SessionUser = CreateSessionResponse['user']

/** Who is signed in. The token is not part of it and cannot be read. */
export interface Session<User = SessionUser> {
  id: string
  /** ISO 8601. */
  createdAt: string
  /** Milliseconds since 1970 by this phone's clock. Only a hint: accepted requests move it, and the service decides. */
  expiresAtMs: number
  user: User
}

/** The options of `createAuth`. Only `baseUrl` is required. */
export interface CreateAuthOptions {
  /** Where the service is: an origin and an optional path. https, or http for loopback and private hosts. */
  baseUrl: string
  /** Default: what `wx.getAccountInfoSync()` says. */
  appid?: string
  /** Further origins that may get the token, compared character by character. Default none. */
  allowOrigins?: readonly string[]
  /** Where the session is kept. Default: the asynchronous storage of `wx`. */
  storage?: KeyValueStorage
  /**
   * The key in the storage. Instances with the same key and the same `baseUrl` share one session and one login. Instances
   * with different keys are independent. Default `'weapp-auth'`.
   */
  storageKey?: string
  /** Whether WeChat encrypts what is stored. Needs base library 2.21.3. Default false. */
  encrypt?: boolean
  /**
   * Whether the first sign-in on this phone may happen silently. Default true. With false it waits for the user's tap,
   * `ensureLogin({ force: true })` or `loginWith()`; after that the session is renewed silently, until a sign-out.
   */
  autoLogin?: boolean
  /** How long `wx.login` and the exchange of its code may take together, in milliseconds. Default 15 000. */
  loginTimeoutMs?: number
  /**
   * Whether to ask WeChat, once per run of the app, if it still knows the session_key of a stored session. Default
   * `'launch'`; `'never'` for an app that decrypts nothing.
   */
  checkSession?: 'launch' | 'never'
  /** Whether to send data about the phone with a login. Default false. Declare it in the privacy guideline first. */
  device?: boolean
  /**
   * The `data` for the service's `onSignIn` hook: a value, or a function that is called before each login and may return
   * a promise. At most 4 kB of JSON.
   */
  loginData?: unknown
  /** Makes the header that carries the token. Default: `Authorization: Bearer <token>`. */
  header?: (token: string) => Record<string, string>
  /** Whether this answer means "the token is not valid". Default: the status is 401. */
  isUnauthorized?: (answer: Answer) => boolean
  /** Used in place of the global `wx`. */
  wx?: Wx
  /** Milliseconds since 1970. Default `Date.now`, which also counts when this throws or gives no number. */
  now?: () => number
  /** Gets one short sentence for each event, never a token or a code. Default none. */
  logger?: (message: string) => void
}

/** Where the session is kept. `get` of a key that is not there may reject or resolve with undefined. */
export interface KeyValueStorage {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<unknown>
  remove(key: string): Promise<unknown>
}

/** An answer as `isUnauthorized` sees it, from `wx` or from a library given to `wrap`. */
export interface Answer {
  statusCode: number
  /** The body. A download has none: its body is a file. */
  data?: unknown
  /** Not there for uploads and downloads. */
  header?: Record<string, string>
}

/** The events for `on`, each with the value that its handlers get. */
export interface AuthEvents<User = SessionUser> {
  login: Session<User>
  logout: { reason: LogoutReason }
  loginFail: AuthError
}

/**
 * Why the session ended and no login may follow without the user. `expired` is the end of a session made by `loginWith`;
 * the others come from the service.
 */
export type LogoutReason = RevocationReason | 'expired'

/** The options of `ensureLogin`. */
export interface EnsureLoginOptions {
  /** Signs in even if there is a session or the user signed out: for the tap on a login button. Default false. */
  force?: boolean
  /**
   * The code of a `getPhoneNumber` button (`event.detail.code`, undefined when the user refused): the user signs in and proves
   * the phone number with one tap. Implies `force`. It works once and costs money: when the login fails, let the user tap
   * again. Default none.
   */
  phoneCode?: string
  /**
   * How long this call waits, in milliseconds. The login itself goes on, except one whose phone code has not been sent yet.
   * Default: `loginTimeoutMs` plus 4 s.
   */
  timeoutMs?: number
}

/** Where `loginWith` sends a sign-in, and what it sends. */
export interface LoginWithRequest {
  /** As in `request`: `/…` below `baseUrl`, or an absolute URL of an allowed origin. Must answer like `POST /v1/sessions`. */
  url: string
  data?: WxRequestOptions['data']
}

/** The options of `logout`. */
export interface LogoutOptions {
  /** Ends all sessions of the user, on every device. Rejects when the service cannot be told. Default false. */
  everywhere?: boolean
  /** Whether to tell the service. Default true. */
  remote?: boolean
}

/** The options of a call beyond those of `wx`. */
export interface AuthOptions {
  /**
   * `'required'` (default) sends the token and waits for a login when there is no session. `'optional'` sends the token
   * if it can get one, and goes without a token otherwise. `'none'` never sends a token.
   */
  auth?: 'required' | 'optional' | 'none'
  /** Whether a 401 may lead to one login and the same request once more. Default true. */
  replay?: boolean
}

/** What all calls that carry the token have in common. */
export interface CallOptions extends AuthOptions {
  url?: string
  header?: Record<string, string>
  /** Milliseconds. Default 60 000, as in `wx`. */
  timeout?: number
}

/** The options of `wx.request`, and `auth` and `replay`. */
export interface RequestOptions extends WxRequestOptions, AuthOptions {}
/** The options of `wx.uploadFile`, and `auth` and `replay`. */
export interface UploadOptions extends WxUploadOptions, AuthOptions {}
/** The options of `wx.downloadFile`, and `auth` and `replay`. */
export interface DownloadOptions extends WxDownloadOptions, AuthOptions {}
/** The options of `wx.connectSocket`, and `auth` and `replay`. */
export interface SocketOptions extends WxSocketOptions, AuthOptions, Callbacks<{ errMsg: string }, AuthFailure> {}

/** What `fail` gets: the fields of `wx`, and our code for a `switch`. */
export interface AuthFailure {
  errMsg: string
  errno: number | undefined
  code: AuthErrorCode
}

/** At least one callback. Then a call returns what `wx` returns, and no promise. */
export type WithCallbacks<Result> = Callbacks<Result, AuthFailure> &
  (
    | { success: (result: Result) => void }
    | { fail: (failure: AuthFailure) => void }
    | { complete: (outcome: Result | AuthFailure) => void }
  )

/** No callback. Then a call returns a promise. */
export type WithoutCallbacks = { success?: undefined; fail?: undefined; complete?: undefined }

/**
 * What went wrong, for a `switch`:
 *
 * - `login_failed`: `wx.login` failed or gave no code
 * - `login_timeout`: signing in took longer than `loginTimeoutMs`
 * - `login_rejected`: the service refused the sign-in (4xx); trying again will not help
 * - `login_throttled`: too many sign-ins: the service answered 429, or this package's own limit (3 in 10 s) was reached
 * - `unavailable`: the service answered 5xx, there is no `wx`, or the mini-program runs in single-page mode
 * - `bad_response`: the answer does not follow the service's contract, e.g. a proxy's HTML page
 * - `unauthorized`: the answer was a 401, and a new login could not help or did not help
 * - `rejected`: the service refused `updateProfile`, `updateAvatar`, `bindPhone`, `eraseUser` or `decrypt` (4xx); `problem`
 *   says why
 * - `logged_out`: signed out, until `ensureLogin({ force: true })` or `loginWith()`
 * - `network`: no answer came
 * - `timeout`: no answer came in time
 * - `aborted`: `abort()` was called, or `loginWith` took the place of a login with a phone code
 * - `invalid_argument`: the call itself is wrong; the message says how
 */
export type AuthErrorCode =
  | 'login_failed'
  | 'login_timeout'
  | 'login_rejected'
  | 'login_throttled'
  | 'unavailable'
  | 'bad_response'
  | 'unauthorized'
  | 'rejected'
  | 'logged_out'
  | 'network'
  | 'timeout'
  | 'aborted'
  | 'invalid_argument'

/** What an `AuthError` may say besides its code and message. */
export interface AuthErrorDetails {
  /** WeChat's own error number, if `wx` gave one. */
  errno?: number
  /** The HTTP status, if an answer came. */
  statusCode?: number
  /** The service's own code, e.g. `user_disabled`, if it gave one. */
  problem?: ProblemCode
  /** What the service says about this call's own mistake, e.g. `avatarUrl must be an https address`, if it says anything. */
  detail?: string
  /** The service's id of this request: the operator finds it in the log. */
  requestId?: string
  /** How long the service asked to wait with `Retry-After`, in milliseconds; one hour at most. */
  retryAfterMs?: number
}

/** What every rejected call of this package rejects with. It never holds a token or a code. */
export interface AuthError extends Error, Readonly<AuthErrorDetails> {
  readonly code: AuthErrorCode
  /** In the form of `wx`: `request:fail …`, `login:fail …`. */
  readonly errMsg: string
  /** Whether the same call may succeed later without anybody doing anything. */
  readonly retryable: boolean
}

/** What `createAuth` returns: the one object a mini-program signs in and sends requests with. */
export interface Auth<User = SessionUser> {
  /**
   * Signs in unless there is a session. Call it in `App.onLaunch`; nothing has to wait for it.
   *
   * @throws AuthError `login_failed`, `login_timeout`, `login_rejected`, `login_throttled`, `unavailable`,
   * `bad_response`, `network`, `timeout` or `logged_out`
   */
  ensureLogin(options: EnsureLoginOptions & WithCallbacks<Session<User>>): void
  ensureLogin(options?: EnsureLoginOptions & WithoutCallbacks): Promise<Session<User>>
  /** Waits for the session: null when nobody can be signed in. For a page's `onLoad`. Never rejects. */
  ready(): Promise<Session<User> | null>
  /**
   * Makes sure that WeChat still knows the session_key; after `session_key_stale` it signs in anew. Call it before the tap that brings `encryptedData`. Until
   * `decrypt` settles, 60 s at most, no login starts in the background, because a login might change that key.
   *
   * @throws AuthError as `ensureLogin`, and `invalid_argument` for a session of `loginWith`
   */
  ensureSessionKey(): Promise<void>
  /**
   * Signs in without `wx.login`, e.g. with a password: `url` must answer like `POST /v1/sessions`. Such a session is never
   * renewed silently: its end is a `logout` event.
   *
   * @throws AuthError as `ensureLogin`, and `invalid_argument`
   */
  loginWith(request: LoginWithRequest): Promise<Session<User>>
  /**
   * Who is signed in, at once. Null means: no usable session, or none of the calls above has read the storage yet (they
   * read it the first time they need it).
   */
  getSession(): Session<User> | null
  /**
   * Calls `wx.request` with the token. Without a session it waits for one silent login; a 401 leads to one login and one
   * replay. It succeeds on every other status, as `wx` does.
   *
   * @throws AuthError as `ensureLogin`, and `unauthorized`, `aborted` or `invalid_argument`
   */
  request<T = unknown>(options: RequestOptions & WithCallbacks<RequestResult<T>>): RequestTask
  request<T = unknown>(options: RequestOptions & WithoutCallbacks): Promise<RequestResult<T>> & RequestTask
  /** Calls `wx.uploadFile` in the same way. */
  uploadFile(options: UploadOptions & WithCallbacks<UploadResult>): UploadTask
  uploadFile(options: UploadOptions & WithoutCallbacks): Promise<UploadResult> & UploadTask
  /** Calls `wx.downloadFile` in the same way. */
  downloadFile(options: DownloadOptions & WithCallbacks<DownloadResult>): DownloadTask
  downloadFile(options: DownloadOptions & WithoutCallbacks): Promise<DownloadResult> & DownloadTask
  /**
   * Calls `wx.connectSocket` with the token in the upgrade request. After close code 4401, or after the service refused
   * the upgrade because of the token, there is one login and one reconnect; then `onOpen` is called again.
   */
  connectSocket(options: SocketOptions): SocketTask
  /**
   * Gives another library's request function the same behaviour. `send` is called with `url` and `header` filled in; it
   * may resolve or reject with an answer, which must have `statusCode`.
   */
  wrap<Options extends CallOptions, Result>(
    send: (options: Options) => PromiseLike<Result>,
  ): (options: Options & AuthOptions) => Promise<Result> & Task
  /**
   * Signs out on this device at once, also offline; then tells the service. Lasts until `ensureLogin({ force: true })` or
   * `loginWith()`.
   *
   * @throws AuthError only with `everywhere`, when the service could not be told. Calling it again tries again.
   */
  logout(options?: LogoutOptions): Promise<void>
  /**
   * Changes the given fields of the user's profile.
   *
   * @throws AuthError as `request`, `rejected`, `unavailable` or `bad_response`
   */
  updateProfile(profile: Partial<UserProfile>): Promise<User & { profile: UserProfile }>
  /**
   * Uploads the picture of a `chooseAvatar` button; the profile has it from then on.
   *
   * @param filePath `event.detail.avatarUrl`: a file on the phone
   * @returns the https address where the picture is
   * @throws AuthError as `updateProfile`
   */
  updateAvatar(filePath: string): Promise<string>
  /**
   * Proves the phone number of the user who is signed in; it replaces the one there was.
   *
   * @param code of a `getPhoneNumber` button (`event.detail.code`). It works once and costs money, so it is never sent again,
   * not even after a 401: let the user tap again.
   * @throws AuthError as `updateProfile`
   */
  bindPhone(code: string): Promise<BindPhoneResponse>
  /**
   * Deletes the user and all that the service keeps of them, and ends their sessions on every device. Then the user is
   * signed out here, until `ensureLogin({ force: true })` makes a new user. After an error call it again.
   *
   * @throws AuthError as `updateProfile`
   */
  eraseUser(): Promise<void>
  /**
   * Lets the service decrypt what WeChat encrypted, e.g. for `wx.getWeRunData`. See `ensureSessionKey`.
   *
   * @throws AuthError as `updateProfile`. When its `problem` is `session_key_stale`, call `ensureSessionKey()` and ask the
   * user to tap again.
   */
  decrypt<Data = Record<string, unknown>>(encrypted: DecryptOpenDataRequest): Promise<Data>
  /** Calls `handler` after each such event. Returns a function that removes the handler. */
  on<Name extends keyof AuthEvents<User>>(name: Name, handler: (detail: AuthEvents<User>[Name]) => unknown): () => void
}

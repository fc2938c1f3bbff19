import { ignore } from './deadline.ts'
import { AuthError, type AuthErrorCode } from './errors.ts'

/** The three callbacks of an asynchronous `wx` API. */
interface Callbacks<Result> {
  success?: (result: Result) => void
  fail?: (failure: WxFailure) => void
}

interface WxFailure {
  errMsg: string
  errno?: number
}

/** The part of `wx` this package calls. The real one fits, and so may another host's or a test's. */
export interface Wx {
  login(options: Callbacks<{ code: string }> & { timeout?: number }): unknown
  checkSession(options: Callbacks<object>): unknown
  request(options: WxRequestOptions & Callbacks<RequestResult>): RequestTask
  getStorage(options: Callbacks<{ data: unknown }> & { key: string }): unknown
  setStorage(options: Callbacks<object> & { key: string; data: unknown }): unknown
  removeStorage(options: Callbacks<object> & { key: string }): unknown
  getAccountInfoSync(): { miniProgram: { appId: string; envVersion?: string } }
}

/**
 * The options of `wx.request`, under the same names and with the same meaning.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/network/request/wx.request.html
 */
export interface WxRequestOptions {
  url: string
  data?: string | object | ArrayBuffer
  header?: Record<string, string>
  /** There is no PATCH: `wx.request` cannot send it. */
  method?: 'OPTIONS' | 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'TRACE' | 'CONNECT'
  /** Milliseconds; default 60 000, which is also the most. */
  timeout?: number
  dataType?: string
  responseType?: 'text' | 'arraybuffer'
  enableHttp2?: boolean
  enableQuic?: boolean
  enableCache?: boolean
  enableHttpDNS?: boolean
  httpDNSServiceId?: string
  httpDNSTimeout?: number
  enableHttpDNSFallback?: boolean
  enableChunked?: boolean
  enableProfile?: boolean
  forceCellularNetwork?: boolean
  useHighPerformanceMode?: boolean
  redirect?: 'follow' | 'manual'
}

/** What `wx.request` hands to `success`, whatever the status. */
export interface RequestResult<T = unknown> {
  data: T
  statusCode: number
  header: Record<string, string>
  cookies?: string[]
  errMsg: string
}

/** A request under way. */
export interface RequestTask {
  /** Ends the call; does nothing once it has ended. */
  abort(): void
}

/** Where the session is kept: `wx` storage unless the `storage` option says otherwise. */
export interface KeyValueStorage {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<unknown>
  remove(key: string): Promise<unknown>
}

/** What the rest of the package sees of WeChat. */
export interface WeChat {
  login(timeoutMs: number): Promise<string>
  isSessionKeyAlive(): Promise<boolean>
  request(options: WxRequestOptions, onTask?: (task: RequestTask) => void): Promise<RequestResult>
  account(): { appId: string; envVersion?: string }
  storage: KeyValueStorage
}

declare const wx: Wx

/** @param given in place of the global `wx`, which is looked up at each call because it may appear after this module */
export function createWeChat(given?: Wx): WeChat {
  function api(): Wx {
    if (given) return given
    if (typeof wx === 'undefined') throw new AuthError('unavailable', 'login:fail there is no wx yet')
    return wx
  }

  /** Callbacks always, never the promise style: it came with 2.10.2, and `wx.login` is documented without it. */
  function call<Result>(
    name: Exclude<keyof Wx, 'getAccountInfoSync'>,
    options: object,
    onTask: (task: RequestTask) => void = ignore,
  ): Promise<Result> {
    return new Promise((success, fail) => {
      // The caller's options fit the API it names; TypeScript cannot follow that through a union of functions.
      onTask(api()[name](Object.assign({}, options, { success, fail }) as never) as RequestTask)
    })
  }

  return {
    login: (timeout) =>
      call<{ code: string }>('login', { timeout }).then(
        ({ code }) => code || Promise.reject({ errMsg: 'login:fail wx.login gave no code' }),
      ),

    // WeChat's word on its session_key, never on our token. What fails offline has told nothing of the key.
    isSessionKeyAlive: () =>
      call('checkSession', {}).then(
        () => true,
        (failure) => UNREACHABLE.test(messageOf(failure)),
      ),

    request: (options, onTask) =>
      call<RequestResult>('request', options, onTask).catch((failure) => {
        throw failed(failure, 'network')
      }),

    account: () => api().getAccountInfoSync().miniProgram,

    storage: {
      get: (key) => call<{ data: unknown }>('getStorage', { key }).then(({ data }) => data),
      set: (key, data) => call('setStorage', { key, data }),
      remove: (key) => call('removeStorage', { key }),
    },
  }
}

// A dead key fails as "session time out, need relogin", so a timeout is only told by its own wording.
const UNREACHABLE = /ERR_|network|offline|interrupt|fail:? ?timeout/i

/** A failure of `wx` as an AuthError; why it failed is only told by its text. */
export function failed(failure: unknown, otherwise: AuthErrorCode): AuthError {
  if (failure instanceof AuthError) return failure
  const errMsg = messageOf(failure)
  return new AuthError(/time(d )? ?out/i.test(errMsg) ? 'timeout' : otherwise, errMsg, {
    errno: Object(failure).errno,
  })
}

/** Nothing else of a failure is handed on: another host's may hold the request it is about, with the token. */
function messageOf(failure: unknown): string {
  return String(Object(failure).errMsg || failure)
}

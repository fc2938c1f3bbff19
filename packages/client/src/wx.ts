import type { Device } from '@weapp-auth/shared'
import { ignore } from './deadline.ts'
import { AuthError, type AuthErrorCode } from './errors.ts'

/** The callbacks of an asynchronous `wx` API, in the order it calls them: one of the first two, then the last. */
export interface Callbacks<Result, Failure = WxFailure> {
  success?: (result: Result) => void
  fail?: (failure: Failure) => void
  complete?: (outcome: Result | Failure) => void
}

/** What `wx` hands to `fail`. */
export interface WxFailure {
  errMsg: string
  errno?: number
}

/** The part of `wx` this package calls. The real one fits, and so may another host's or a test's. */
export interface Wx {
  login(options: Callbacks<{ code: string }>): unknown
  checkSession(options: Callbacks<object>): unknown
  request(options: WxRequestOptions & Callbacks<RequestResult>): unknown
  uploadFile(options: WxUploadOptions & Callbacks<UploadResult>): unknown
  downloadFile(options: WxDownloadOptions & Callbacks<DownloadResult>): unknown
  connectSocket(options: WxSocketOptions & Callbacks<object>): SocketTask
  getStorage(options: Callbacks<{ data: unknown }> & { key: string }): unknown
  setStorage(options: Callbacks<object> & { key: string; data: unknown }): unknown
  removeStorage(options: Callbacks<object> & { key: string }): unknown
  getAccountInfoSync(): { miniProgram: { appId: string; envVersion?: string } }
  // Deprecated in favour of two newer calls, which older versions do not have; this one all of them have.
  getSystemInfoSync(): { platform?: string; model?: string; system?: string; version?: string; SDKVersion?: string }
  getLaunchOptionsSync(): { scene: number }
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

/**
 * The options of `wx.uploadFile`.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/network/upload/wx.uploadFile.html
 */
export interface WxUploadOptions {
  url: string
  filePath: string
  /** The name of the file's field in the multipart body. */
  name: string
  header?: Record<string, string>
  formData?: Record<string, unknown>
  /** Milliseconds. */
  timeout?: number
  enableHttp2?: boolean
  enableProfile?: boolean
}

/**
 * The options of `wx.downloadFile`.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/network/download/wx.downloadFile.html
 */
export interface WxDownloadOptions {
  url: string
  header?: Record<string, string>
  /** Where to put the file; default: a temporary one. */
  filePath?: string
  /** Milliseconds. */
  timeout?: number
  enableHttp2?: boolean
  enableProfile?: boolean
}

/**
 * The options of `wx.connectSocket`.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/network/websocket/wx.connectSocket.html
 */
export interface WxSocketOptions {
  url: string
  header?: Record<string, string>
  protocols?: string[]
  tcpNoDelay?: boolean
  perMessageDeflate?: boolean
  /** Milliseconds until the socket must be open. */
  timeout?: number
  forceCellularNetwork?: boolean
}

/** What `wx.request` hands to `success`, whatever the status. */
export interface RequestResult<T = unknown> {
  data: T
  statusCode: number
  header: Record<string, string>
  cookies?: string[]
  errMsg: string
}

/** What `wx.uploadFile` hands to `success`: the answer's body is always a string. */
export interface UploadResult {
  data: string
  statusCode: number
  errMsg: string
}

/**
 * What `wx.downloadFile` hands to `success`; of a refusal the file holds the body. Of the two paths only the one that was
 * asked for is there.
 */
export interface DownloadResult {
  tempFilePath: string
  filePath: string
  statusCode: number
  errMsg: string
}

/** A call under way. */
export interface Task {
  /** Ends the call; does nothing once it has ended. */
  abort(): void
}

/** What `wx.connectSocket` returns. */
export interface SocketTask {
  send(options: Callbacks<WxFailure> & { data: string | ArrayBuffer }): void
  close(options?: Callbacks<WxFailure> & { code?: number; reason?: string }): void
  onOpen(listener: (opened: { header?: Record<string, string> }) => void): void
  onMessage(listener: (message: { data: string | ArrayBuffer }) => void): void
  onClose(listener: (closed: SocketClose) => void): void
  onError(listener: (failure: { errMsg: string }) => void): void
}

/** Why a socket was closed, by its peer or by us. */
export interface SocketClose {
  code: number
  reason: string
}

/** Where the session is kept: `wx` storage unless the `storage` option says otherwise. */
export interface KeyValueStorage {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<unknown>
  remove(key: string): Promise<unknown>
}

/** What the rest of the package sees of WeChat. */
export interface WeChat {
  login(): Promise<string>
  isSessionKeyAlive(): Promise<boolean>
  /** One of the calls that go over the network; it fails with an AuthError. */
  send<Result>(name: NetworkCall, options: object, onTask?: (task: Task) => void): Promise<Result>
  connectSocket(options: WxSocketOptions & Callbacks<object>): SocketTask
  account(): { appId: string; envVersion?: string }
  device(): Device
  /** Whether all there is of the mini-program is one page in a timeline, where nobody can sign in. */
  isSinglePage(): boolean
  storage: KeyValueStorage
}

export type NetworkCall = 'request' | 'uploadFile' | 'downloadFile'

/** Opened from a link in Moments. https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/share-timeline.html */
const SINGLE_PAGE_SCENE = 1154

declare const wx: Wx

/**
 * @param given in place of the global `wx`, which is looked up at each call because it may appear after this module
 * @param encrypt whether WeChat encrypts what it stores for us
 */
export function createWeChat(given?: Wx, encrypt?: boolean): WeChat {
  function api(): Wx {
    if (given) return given
    if (typeof wx === 'undefined') throw new AuthError('unavailable', 'login:fail there is no wx yet')
    return wx
  }

  /** Callbacks always, never the promise style: it came with 2.10.2, and `wx.login` is documented without it. */
  function call<Result>(
    name: NetworkCall | 'login' | 'checkSession' | 'getStorage' | 'setStorage' | 'removeStorage',
    options: object,
    onTask: (task: Task) => void = ignore,
  ): Promise<Result> {
    return new Promise((success, fail) => {
      // The caller's options fit the API it names; TypeScript cannot follow that through a union of functions.
      onTask(api()[name](Object.assign({}, options, { success, fail }) as never) as Task)
    })
  }

  return {
    login: () =>
      call<{ code: string }>('login', {}).then(
        ({ code }) => code || Promise.reject({ errMsg: 'login:fail wx.login gave no code' }),
      ),

    // WeChat's word on its session_key, never on our token. What fails offline has told nothing of the key.
    isSessionKeyAlive: () =>
      call('checkSession', {}).then(
        () => true,
        (failure) => UNREACHABLE.test(messageOf(failure)),
      ),

    send: (name, options, onTask) =>
      call<never>(name, options, onTask).catch((failure) => {
        throw failed(failure, 'network')
      }),

    connectSocket: (options) => api().connectSocket(options),

    account: () => api().getAccountInfoSync().miniProgram,

    device() {
      const { platform, model, system, version: wechatVersion, SDKVersion: sdkVersion } = api().getSystemInfoSync()
      return { platform, model, system, wechatVersion, sdkVersion }
    },

    isSinglePage: () => api().getLaunchOptionsSync().scene === SINGLE_PAGE_SCENE,

    storage: {
      get: (key) => call<{ data: unknown }>('getStorage', { key, encrypt }).then(({ data }) => data),
      set: (key, data) => call('setStorage', { key, data, encrypt }),
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
  const code = /time(d )? ?out/i.test(errMsg)
    ? 'timeout'
    : /interrupt/.test(errMsg)
      ? 'network'
      : /:fail abort/.test(errMsg)
        ? 'aborted'
        : otherwise
  return new AuthError(code, errMsg, { errno: Object(failure).errno })
}

/** Nothing else of a failure is handed on: another host's may hold the request it is about, with the token. */
function messageOf(failure: unknown): string {
  return String(Object(failure).errMsg || failure)
}

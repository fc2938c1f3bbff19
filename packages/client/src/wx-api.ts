// What this package calls of `wx`, under WeChat's names and with WeChat's meanings. Only types; `wx.ts` makes the calls.

/** The callbacks of an asynchronous `wx` call. `wx` calls `success` or `fail`, then `complete`. */
export interface Callbacks<Result, Failure = WxFailure> {
  success?: (result: Result) => void
  fail?: (failure: Failure) => void
  complete?: (outcome: Result | Failure) => void
}

/** What `wx` passes to `fail`. */
export interface WxFailure {
  errMsg: string
  /** WeChat's error number. Older versions have none. */
  errno?: number
}

/** The part of `wx` that this package calls. The real `wx` fits, and so does that of another host or of a test. */
export interface Wx {
  login(options: Callbacks<LoginAnswer>): unknown
  checkSession(options: Callbacks<object>): unknown
  request(options: WxRequestOptions & Callbacks<RequestResult>): unknown
  uploadFile(options: WxUploadOptions & Callbacks<UploadResult>): unknown
  downloadFile(options: WxDownloadOptions & Callbacks<DownloadResult>): unknown
  connectSocket(options: WxSocketOptions & Callbacks<{ errMsg: string }>): SocketTask
  getStorage(options: Callbacks<{ data: unknown }> & { key: string }): unknown
  setStorage(options: Callbacks<object> & { key: string; data: unknown }): unknown
  removeStorage(options: Callbacks<object> & { key: string }): unknown
  getAccountInfoSync(): { miniProgram: { appId: string; envVersion?: string } }
  getLaunchOptionsSync(): { scene: number }
  // Older versions have only the first of these three, wearables and AI mode only the other two.
  getSystemInfoSync?(): DeviceInfo & AppBaseInfo
  getDeviceInfo?(): DeviceInfo
  getAppBaseInfo?(): AppBaseInfo
}

/** What `wx.login` passes to `success`. */
export interface LoginAnswer {
  code: string
  /** The app's cache manager answered, so the code may have expired. */
  fromCache?: boolean
}

/** What this package reads of `wx.getDeviceInfo`. */
export interface DeviceInfo {
  platform?: string
  model?: string
  system?: string
}

/** What this package reads of `wx.getAppBaseInfo`. */
export interface AppBaseInfo {
  version?: string
  SDKVersion?: string
}

/** The calls that send something over the network: what each takes, what it calls `success` with, what it returns. */
export interface NetworkCalls {
  request: { options: WxRequestOptions; result: RequestResult; task: RequestTask }
  uploadFile: { options: WxUploadOptions; result: UploadResult; task: UploadTask }
  downloadFile: { options: WxDownloadOptions; result: DownloadResult; task: DownloadTask }
}

/** The name of one of these calls. */
export type NetworkCall = keyof NetworkCalls

/** All calls of `wx` that answer through callbacks, in the same form. */
export interface CallbackCalls extends NetworkCalls {
  login: { options: object; result: LoginAnswer }
  checkSession: { options: object; result: object }
  getStorage: { options: { key: string; encrypt: boolean }; result: { data: unknown } }
  setStorage: { options: { key: string; data: unknown; encrypt: boolean }; result: object }
  removeStorage: { options: { key: string }; result: object }
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
  /** Milliseconds. Default and maximum 60 000. */
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
  /** Where to put the file. Default: a temporary file. */
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

/** What `wx.request` passes to `success`, whatever the status. */
export interface RequestResult<T = unknown> {
  data: T
  statusCode: number
  header: Record<string, string>
  cookies?: string[]
  errMsg: string
}

/** What `wx.uploadFile` passes to `success`. The body of the answer is always a string. */
export interface UploadResult {
  data: string
  statusCode: number
  errMsg: string
}

/**
 * What `wx.downloadFile` passes to `success`. When the status is an error, the file holds the error's body. Only one of
 * the two paths is there: `filePath` when the call named one, else `tempFilePath`.
 */
export interface DownloadResult {
  tempFilePath: string
  filePath: string
  statusCode: number
  errMsg: string
}

/** A call under way. */
export interface Task {
  /** Ends the call. Does nothing once the call has ended. */
  abort(): void
}

type Listener<Detail> = (detail: Detail) => void

/** A request under way, also while it waits for a login. Listeners stay registered when the request is sent again. */
export interface RequestTask extends Task {
  onHeadersReceived(
    listener: Listener<{ header: Record<string, string>; statusCode: number; cookies?: string[] }>,
  ): void
  offHeadersReceived(listener?: Listener<never>): void
  onChunkReceived(listener: Listener<{ data: ArrayBuffer }>): void
  offChunkReceived(listener?: Listener<never>): void
}

/** An upload under way, also while it waits for a login. */
export interface UploadTask extends Task {
  onProgressUpdate(
    listener: Listener<{ progress: number; totalBytesSent: number; totalBytesExpectedToSend: number }>,
  ): void
  offProgressUpdate(listener?: Listener<never>): void
  onHeadersReceived(listener: Listener<{ header: Record<string, string> }>): void
  offHeadersReceived(listener?: Listener<never>): void
}

/** A download under way, also while it waits for a login. */
export interface DownloadTask extends Task {
  onProgressUpdate(
    listener: Listener<{ progress: number; totalBytesWritten: number; totalBytesExpectedToWrite: number }>,
  ): void
  offProgressUpdate(listener?: Listener<never>): void
  onHeadersReceived(listener: Listener<{ header: Record<string, string> }>): void
  offHeadersReceived(listener?: Listener<never>): void
}

/** What `wx.connectSocket` returns. */
export interface SocketTask {
  send(options: Callbacks<WxFailure> & { data: string | ArrayBuffer }): void
  close(options?: Callbacks<WxFailure> & { code?: number; reason?: string }): void
  onOpen(listener: Listener<{ header?: Record<string, string> }>): void
  onMessage(listener: Listener<{ data: string | ArrayBuffer }>): void
  onClose(listener: Listener<SocketClose>): void
  onError(listener: Listener<{ errMsg: string }>): void
}

/** Why a socket was closed, by its peer or by the app. */
export interface SocketClose {
  code: number
  reason: string
}

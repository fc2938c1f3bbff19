import { type Callbacks, WxFailure } from './api-call.ts'
import { NETWORK_ERRNO } from './network.ts'

/** Options of `wx.request`. */
export interface RequestOptions extends Callbacks<RequestResult> {
  url: string
  method?: string
  data?: unknown
  header?: Record<string, unknown>
  /** Milliseconds. Default 60 000, which is also the most. */
  timeout?: number
  /** `json`, the default, parses what parses; anything else leaves a string. */
  dataType?: string
  responseType?: 'text' | 'arraybuffer'
  redirect?: 'follow' | 'manual'
}

/** What `success` of `wx.request` gets, for every HTTP status. */
export interface RequestResult {
  data: unknown
  statusCode: number
  header: Record<string, string>
  cookies: string[]
}

/** Options of `wx.uploadFile`. */
export interface UploadOptions extends Callbacks<UploadResult> {
  url: string
  /** Of a file on the phone. */
  filePath: string
  /** The field of the multipart body that holds the file. */
  name: string
  header?: Record<string, unknown>
  formData?: Record<string, unknown>
  timeout?: number
}

/** The body is a string here, whatever it holds. */
export interface UploadResult {
  data: string
  statusCode: number
}

/** Options of `wx.downloadFile`. */
export interface DownloadOptions extends Callbacks<DownloadResult> {
  url: string
  header?: Record<string, unknown>
  /** Where to put the file, under `wx.env.USER_DATA_PATH`. Default: a temporary one. */
  filePath?: string
  timeout?: number
}

/** Of the two paths only the one that was asked for is there, though WeChat's own typings promise both. */
export interface DownloadResult {
  tempFilePath: string
  filePath: string
  statusCode: number
}

/** A request as it goes out; header names in lower case. */
export interface OutgoingRequest {
  url: string
  method: string
  header: Record<string, string>
  body?: string | Uint8Array
}

/** There is no PATCH. @see https://developers.weixin.qq.com/miniprogram/dev/api/network/request/wx.request.html */
const METHODS = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT']

/**
 * What `wx.request` makes of its options: a GET's data becomes its query, other data the body by content type.
 *
 * @throws WxFailure for a url or a method that WeChat refuses
 */
export function buildRequest(options: RequestOptions, referer: string): OutgoingRequest {
  const url = checkUrl(options.url)
  const method = String(options.method ?? 'GET').toUpperCase()
  if (!METHODS.includes(method)) throw new WxFailure(`invalid method "${method}"`)

  const header = buildHeader(options.header, referer)
  if (method === 'GET') return { url: addQuery(url, options.data), method, header }
  const body = serialiseBody(options.data, header['content-type'] ?? '')
  return { url: url.href, method, header, ...(body !== undefined && { body }) }
}

/**
 * A multipart body with the file and the form's fields.
 *
 * @throws WxFailure for a url that WeChat refuses, and for a file that is not there
 */
export async function buildUpload(
  options: UploadOptions,
  referer: string,
  read: (path: string) => Uint8Array | null,
): Promise<OutgoingRequest> {
  const url = checkUrl(options.url)
  const file = read(String(options.filePath))
  if (!file) throw new WxFailure(`file not found ${String(options.filePath)}`)
  const form = new FormData()
  for (const [name, value] of Object.entries(options.formData ?? {})) form.append(name, String(value))
  form.append(String(options.name), new Blob([file.slice()]), String(options.filePath).split('/').at(-1))
  const encoded = new Response(form)
  const header = {
    ...buildHeader(options.header, referer),
    'content-type': encoded.headers.get('content-type') ?? '',
  }
  return { url: url.href, method: 'POST', header, body: new Uint8Array(await encoded.arrayBuffer()) }
}

/** @throws WxFailure for a url that WeChat refuses */
export function buildDownload(options: DownloadOptions, referer: string): OutgoingRequest {
  const { 'content-type': _none, ...header } = buildHeader(options.header, referer)
  return { url: checkUrl(options.url).href, method: 'GET', header }
}

function checkUrl(url: unknown): URL {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : null
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed
  throw new WxFailure(`invalid url "${String(url)}"`, NETWORK_ERRNO.invalidUrl)
}

/** Names compare without case; the Referer is WeChat's own. */
function buildHeader(custom: Record<string, unknown> | undefined, referer: string): Record<string, string> {
  const header: Record<string, string> = { 'content-type': 'application/json' }
  for (const [name, value] of Object.entries(custom ?? {})) {
    if (value !== undefined) header[name.toLowerCase()] = String(value)
  }
  return { ...header, referer }
}

/** Only an object becomes a query; a string is not sent at all. */
function addQuery(url: URL, data: unknown): string {
  const query = typeof data === 'object' && data !== null ? encodeForm(data) : ''
  if (query === '') return url.href
  const [address = '', hash] = url.href.split('#')
  const joined = `${address}${address.includes('?') ? '&' : '?'}${query}`
  return hash === undefined ? joined : `${joined}#${hash}`
}

function serialiseBody(data: unknown, contentType: string): string | Uint8Array | undefined {
  if (data === undefined || data === null) return undefined
  if (typeof data === 'string') return data
  if (Object.prototype.toString.call(data) === '[object ArrayBuffer]') return new Uint8Array(data as ArrayBuffer)
  if (contentType.includes('application/x-www-form-urlencoded')) return encodeForm(data)
  return JSON.stringify(data)
}

function encodeForm(data: object): string {
  return Object.entries(data)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
      return `${encodeURIComponent(name)}=${encodeURIComponent(text)}`
    })
    .join('&')
}

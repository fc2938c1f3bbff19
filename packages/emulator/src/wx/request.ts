import type { Fault } from '../faults.ts'
import { type Callbacks, conclude, type Failure, failureOf, WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { createListeners, type Listeners } from './listeners.ts'
import { cronetFailure, NETWORK_ERRNO } from './network.ts'
import { buildRequest, type OutgoingRequest } from './request-options.ts'
import { createSlots } from './slots.ts'
import type { Transport, TransportResponse } from './transport.ts'

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

export interface RequestResult {
  data: unknown
  statusCode: number
  header: Record<string, string>
  cookies: string[]
}

export type ReceivedHeaders = Omit<RequestResult, 'data'>

export interface RequestTask {
  abort(): void
  onHeadersReceived(listener: (headers: ReceivedHeaders) => void): void
  offHeadersReceived(listener?: (headers: ReceivedHeaders) => void): void
  /** Accepted and never called: chunks are not emulated. */
  onChunkReceived(listener: (chunk: { data: ArrayBuffer }) => void): void
  offChunkReceived(listener?: (chunk: { data: ArrayBuffer }) => void): void
}

export interface RequestDeps {
  context: DeviceContext
  send: Transport
  /** The phone's DNS: where a request really goes. */
  resolve: (url: URL) => URL
  /** The version in the Referer: `devtools`, `0` or the release's number. */
  version: string
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/framework/ability/network.html */
const CONCURRENT_REQUESTS = 10
const MAX_TIMEOUT_MS = 60_000
const MAX_REDIRECTS = 20

/**
 * `wx.request`: `success` for every answer of a server whatever its status, `fail` only when no answer came, never a
 * promise.
 */
export function createRequestApi({ context, send, resolve, version }: RequestDeps) {
  const { clock, faults, ledger, network, record, thread } = context
  const slots = createSlots(CONCURRENT_REQUESTS)
  const unfinished = new Set<(failure: WxFailure) => void>()
  const referer = `https://servicewechat.com/${context.appid}/${version}/page-frame.html`

  function request(options: RequestOptions): RequestTask {
    const headersReceived = createListeners<ReceivedHeaders>(thread)
    const ending = new AbortController()
    const comeBack = thread.open()
    let finished = false

    /** The first end counts; it is told to the app in a later task. */
    function finish(
      outcome: { result: RequestResult & { errMsg: string } } | { failure: Failure },
      outgoing: OutgoingRequest | null,
    ) {
      if (finished) return
      finished = true
      unfinished.delete(fail)
      ending.abort()
      record('wx.request', describe(outgoing, outcome))
      comeBack(() => conclude(thread, options, outcome))
    }

    let outgoing: OutgoingRequest | null = null
    const fail = (error: unknown) => finish({ failure: failureOf('request', error) }, outgoing)
    unfinished.add(fail)

    async function run(): Promise<void> {
      outgoing = buildRequest(options, referer)
      if (thread.suspended) throw interrupted()
      const release = await slots.take(ending.signal)
      if (finished) return release()
      const timeoutMs = Math.min(positive(options.timeout) ?? MAX_TIMEOUT_MS, MAX_TIMEOUT_MS)
      // From the moment it is sent: whether time in the queue counts is not documented, and this is the harder case.
      const timer = clock.setTimeout(() => fail(new WxFailure('timeout', NETWORK_ERRNO.timeout)), timeoutMs)
      try {
        // Raced, because what hangs may never notice the signal and would keep its slot.
        const response = await Promise.race([
          exchange(outgoing, timeoutMs, options.redirect ?? 'follow', ending.signal),
          rejectedBy(ending.signal),
        ])
        deliver(response, options, headersReceived)
      } finally {
        clock.clearTimeout(timer)
        release()
      }
    }

    function deliver(
      response: TransportResponse,
      { dataType, responseType }: RequestOptions,
      headers: Listeners<ReceivedHeaders>,
    ) {
      const { statusCode, header, cookies = [] } = response
      thread.post(() => {
        if (!finished) headers.emit({ statusCode, header, cookies })
      })
      const data = parseBody(response.body, { dataType, responseType })
      // In a task of its own: an abort by a headers listener still wins.
      thread.post(() => finish({ result: { data, statusCode, header, cookies, errMsg: 'request:ok' } }, outgoing))
    }

    run().catch(fail)

    return {
      abort: () => fail(new WxFailure('abort')),
      onHeadersReceived: headersReceived.on,
      offHeadersReceived: headersReceived.off,
      onChunkReceived: () => {},
      offChunkReceived: () => {},
    }
  }

  async function exchange(
    outgoing: OutgoingRequest,
    timeoutMs: number,
    redirect: 'follow' | 'manual',
    signal: AbortSignal,
  ): Promise<TransportResponse> {
    const fault = faults.take('wx.request')
    if (fault?.delayMs) await new Promise<void>((wake) => clock.setTimeout(wake, fault.delayMs ?? 0))
    if (fault?.hang) await new Promise<never>(() => {})
    if (fault?.errMsg !== undefined) throw new WxFailure(fault.errMsg, fault.errno)
    if (fault && (fault.status !== undefined || fault.body !== undefined)) return forcedResponse(fault)

    let next = outgoing
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      network.assertOnline()
      const { url, method, header, body } = next
      const target = {
        url: resolve(new URL(url)).href,
        method,
        header,
        timeoutMs,
        signal,
        ...(body !== undefined && { body }),
      }
      const response = await send(target).catch((error: unknown) => Promise.reject(networkFailure(error)))
      const location = redirect === 'follow' ? findLocation(response) : null
      if (location === null) return response
      next = redirected(next, response.statusCode, location)
    }
    throw cronetFailure(-310, 'ERR_TOO_MANY_REDIRECTS')
  }

  function describe(outgoing: OutgoingRequest | null, outcome: { result: RequestResult } | { failure: Failure }) {
    if (!outgoing) return { errMsg: 'failure' in outcome ? outcome.failure.errMsg : '' }
    const { url, method, header } = outgoing
    const token = /^Bearer (.+)$/i.exec(header.authorization ?? '')?.[1]
    return {
      method,
      url: url.replace(/[?#].*$/s, ''),
      bearer: token === undefined ? false : ledger.alias('token', token),
      ...('result' in outcome
        ? { statusCode: outcome.result.statusCode, ...problemOf(outcome.result) }
        : { errMsg: outcome.failure.errMsg }),
    }
  }

  network.onLost(() => interruptAll(cronetFailure(-21, 'ERR_NETWORK_CHANGED')))

  function interruptAll(failure: WxFailure): void {
    for (const fail of [...unfinished]) fail(failure)
  }

  return {
    api: { request },
    /** The app is suspended: WeChat cuts what has not finished. */
    interrupt: () => interruptAll(interrupted()),
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function interrupted(): WxFailure {
  return new WxFailure('interrupted', NETWORK_ERRNO.interrupted)
}

function forcedResponse({ status = 200, body = '', headers = {} }: Fault): TransportResponse {
  return { statusCode: status, header: headers, cookies: [], body }
}

function findLocation({ statusCode, header }: TransportResponse): string | null {
  if (![301, 302, 303, 307, 308].includes(statusCode)) return null
  return Object.entries(header).find(([name]) => name.toLowerCase() === 'location')?.[1] ?? null
}

/** Headers travel along, the Authorization too, even to another host: assume the worst of a network stack. */
function redirected(request: OutgoingRequest, statusCode: number, location: string): OutgoingRequest {
  const url = new URL(location, request.url).href
  if (statusCode === 307 || statusCode === 308) return { ...request, url }
  const { body: _body, ...rest } = request
  return { ...rest, url, method: request.method === 'HEAD' ? 'HEAD' : 'GET' }
}

/** The names Chromium's network stack has for what Node reports. */
const CRONET: Record<string, [number, string]> = {
  ECONNREFUSED: [-102, 'ERR_CONNECTION_REFUSED'],
  ECONNRESET: [-101, 'ERR_CONNECTION_RESET'],
  EPIPE: [-101, 'ERR_CONNECTION_RESET'],
  ENOTFOUND: [-105, 'ERR_NAME_NOT_RESOLVED'],
  EAI_AGAIN: [-105, 'ERR_NAME_NOT_RESOLVED'],
  ENETUNREACH: [-109, 'ERR_ADDRESS_UNREACHABLE'],
  EHOSTUNREACH: [-109, 'ERR_ADDRESS_UNREACHABLE'],
  ETIMEDOUT: [-118, 'ERR_CONNECTION_TIMED_OUT'],
  DEPTH_ZERO_SELF_SIGNED_CERT: [-202, 'ERR_CERT_AUTHORITY_INVALID'],
  SELF_SIGNED_CERT_IN_CHAIN: [-202, 'ERR_CERT_AUTHORITY_INVALID'],
}

function networkFailure(error: unknown): WxFailure {
  if (error instanceof WxFailure) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return cronetFailure(...(CRONET[code] ?? [-2, 'ERR_FAILED']))
}

function parseBody(
  body: string | Uint8Array,
  { dataType = 'json', responseType }: Pick<RequestOptions, 'dataType' | 'responseType'>,
): unknown {
  if (responseType === 'arraybuffer') {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    return bytes.slice().buffer
  }
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body)
  if (dataType !== 'json') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The problem code of an RFC 9457 body, and the reason some carry. */
function problemOf({ statusCode, data }: RequestResult): { code?: string; reason?: string } {
  if (statusCode < 400 || typeof data !== 'object' || data === null) return {}
  const { code, reason } = data as Record<string, unknown>
  return { ...(typeof code === 'string' && { code }), ...(typeof reason === 'string' && { reason }) }
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value : null
}

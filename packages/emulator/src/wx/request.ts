import { conclude, type Failure, failureOf, WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { createExchange } from './exchange.ts'
import { createListeners } from './listeners.ts'
import { cronetFailure, NETWORK_ERRNO } from './network.ts'
import { buildRequest, type OutgoingRequest, type RequestOptions, type RequestResult } from './request-options.ts'
import { createSlots } from './slots.ts'
import type { Transport, TransportResponse } from './transport.ts'

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

type Outcome = { result: RequestResult & { errMsg: string } } | { failure: Failure }

/**
 * `wx.request`: `success` for every answer of a server whatever its status, `fail` only when no answer came, never a
 * promise.
 */
export function createRequestApi({ context, send, resolve, version }: RequestDeps) {
  const { clock, ledger, network, record, thread } = context
  const exchange = createExchange({ context, send, resolve })
  const slots = createSlots(CONCURRENT_REQUESTS)
  const unfinished = new Set<(failure: WxFailure) => void>()
  const referer = `https://servicewechat.com/${context.appid}/${version}/page-frame.html`

  function request(options: RequestOptions): RequestTask {
    const headersReceived = createListeners<ReceivedHeaders>(thread)
    const ending = new AbortController()
    const comeBack = thread.open()
    let outgoing: OutgoingRequest | null = null
    let finished = false

    /** The first end counts; it is told to the app in a later task. */
    function finish(outcome: Outcome): void {
      if (finished) return
      finished = true
      unfinished.delete(fail)
      ending.abort()
      record('wx.request', describe(outgoing, outcome))
      comeBack(() => conclude(thread, options, outcome))
    }

    function fail(error: unknown): void {
      finish({ failure: failureOf('request', error) })
    }

    async function run(): Promise<void> {
      outgoing = buildRequest(options, referer)
      if (thread.suspended) throw interrupted()
      const { signal } = ending
      const release = await slots.take(signal)
      if (finished) return release()
      const timeoutMs = Math.min(positive(options.timeout) ?? MAX_TIMEOUT_MS, MAX_TIMEOUT_MS)
      // From the moment it is sent: whether time in the queue counts is not documented, and this is the harder case.
      const timer = clock.setTimeout(() => fail(new WxFailure('timeout', NETWORK_ERRNO.timeout)), timeoutMs)
      try {
        // Raced, because what hangs may never notice the signal and would keep its slot.
        const answer = exchange(outgoing, { redirect: options.redirect ?? 'follow', timeoutMs, signal })
        deliver(await Promise.race([answer, rejectedBy(signal)]))
      } finally {
        clock.clearTimeout(timer)
        release()
      }
    }

    function deliver({ statusCode, header, cookies = [], body }: TransportResponse): void {
      const data = parseBody(body, options)
      thread.post(() => {
        if (!finished) headersReceived.emit({ statusCode, header, cookies })
      })
      // In a task of its own: an abort by a headers listener still wins.
      thread.post(() => finish({ result: { data, statusCode, header, cookies, errMsg: 'request:ok' } }))
    }

    unfinished.add(fail)
    run().catch(fail)

    return {
      abort: () => fail(new WxFailure('abort')),
      onHeadersReceived: headersReceived.on,
      offHeadersReceived: headersReceived.off,
      onChunkReceived: () => {},
      offChunkReceived: () => {},
    }
  }

  function describe(outgoing: OutgoingRequest | null, outcome: Outcome) {
    const end =
      'result' in outcome
        ? { statusCode: outcome.result.statusCode, ...problemOf(outcome.result) }
        : { errMsg: outcome.failure.errMsg }
    if (!outgoing) return end
    const { url, method, header } = outgoing
    const token = /^Bearer (.+)$/i.exec(header.authorization ?? '')?.[1]
    const bearer = token === undefined ? false : ledger.alias('token', token)
    return { method, url: url.replace(/[?#].*$/s, ''), bearer, ...end }
  }

  function failAll(failure: WxFailure): void {
    for (const fail of [...unfinished]) fail(failure)
  }

  network.onLost(() => failAll(cronetFailure(-21, 'ERR_NETWORK_CHANGED')))

  return {
    api: { request },
    /** The app is suspended or gone: WeChat cuts what has not finished. */
    interrupt: () => failAll(interrupted()),
  }
}

function interrupted(): WxFailure {
  return new WxFailure('interrupted', NETWORK_ERRNO.interrupted)
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function parseBody(
  body: string | Uint8Array,
  { dataType = 'json', responseType }: Pick<RequestOptions, 'dataType' | 'responseType'>,
): unknown {
  if (responseType === 'arraybuffer') {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    // A copy: a Buffer is a window on memory that others share.
    return new Uint8Array(bytes).buffer
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

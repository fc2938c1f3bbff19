import { type Callbacks, conclude, failureOf, WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { createExchange } from './exchange.ts'
import type { DeviceFiles } from './files.ts'
import { createListeners } from './listeners.ts'
import { cronetFailure, NETWORK_ERRNO } from './network.ts'
import {
  buildDownload,
  buildRequest,
  buildUpload,
  type DownloadOptions,
  type DownloadResult,
  type OutgoingRequest,
  type RequestOptions,
  type RequestResult,
  type UploadOptions,
  type UploadResult,
} from './request-options.ts'
import { createRequestRecord, type Outcome } from './request-record.ts'
import { createSlots } from './slots.ts'
import type { Transport, TransportResponse } from './transport.ts'

/** What a listener of `onHeadersReceived` gets. */
export type ReceivedHeaders = Omit<RequestResult, 'data'>

/** What `wx.request` returns. */
export interface RequestTask {
  abort(): void
  onHeadersReceived(listener: (headers: ReceivedHeaders) => void): void
  offHeadersReceived(listener?: (headers: ReceivedHeaders) => void): void
  /** Accepted and never called: chunks are not emulated. */
  onChunkReceived(listener: (chunk: { data: ArrayBuffer }) => void): void
  offChunkReceived(listener?: (chunk: { data: ArrayBuffer }) => void): void
}

/** How far a transfer is. It is told once, when all of it has gone or come. */
export interface TransferProgress {
  /** Per cent. */
  progress: number
  totalBytesSent: number
  totalBytesExpectedToSend: number
  totalBytesWritten: number
  totalBytesExpectedToWrite: number
}

/** What `wx.uploadFile` and `wx.downloadFile` return. */
export interface TransferTask {
  abort(): void
  onProgressUpdate(listener: (progress: TransferProgress) => void): void
  offProgressUpdate(listener?: (progress: TransferProgress) => void): void
  onHeadersReceived(listener: (headers: ReceivedHeaders) => void): void
  offHeadersReceived(listener?: (headers: ReceivedHeaders) => void): void
}

export interface RequestDeps {
  context: DeviceContext
  files: DeviceFiles
  send: Transport
  /** The phone's DNS: where a request really goes. */
  resolve: (url: URL) => URL
  /** The version in the Referer: `devtools`, `0` or the release's number. */
  version: string
  /** Whether the ledger keeps bodies. */
  bodies: boolean
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/framework/ability/network.html */
const CONCURRENT_REQUESTS = 10
const MAX_TIMEOUT_MS = 60_000
/** Why the signal of a call that has ended is aborted; one for all, because making one costs more than the rest of the end. */
const OVER = new Error('the call has ended')

/** One API of this family: what it makes of its options, and of the answer. */
interface Call<Options, Result extends object> {
  api: 'request' | 'uploadFile' | 'downloadFile'
  build(options: Options): OutgoingRequest | Promise<OutgoingRequest>
  parse(response: TransportResponse, options: Options): Result
}

/**
 * `wx.request`, `wx.uploadFile` and `wx.downloadFile`: `success` for every answer of a server whatever its status, `fail`
 * only when no answer came, never a promise. They share ten places.
 */
export function createRequestApi({ context, files, send, resolve, version, bodies }: RequestDeps) {
  const { begin, clock, network, record, thread } = context
  const { describe, describeRequest } = createRequestRecord(context.ledger, { bodies })
  const exchange = createExchange({ context, send, resolve })
  const slots = createSlots(CONCURRENT_REQUESTS)
  const unfinished = new Set<(failure: WxFailure) => void>()
  const referer = `https://servicewechat.com/${context.appid}/${version}/page-frame.html`

  function start<
    Options extends Callbacks<Result> & { timeout?: number; redirect?: 'follow' | 'manual' },
    Result extends { statusCode: number },
  >({ api, build, parse }: Call<Options, Result>, options: Options): RequestTask & TransferTask {
    const headersReceived = createListeners<ReceivedHeaders>(thread)
    const progressUpdated = createListeners<TransferProgress>(thread)
    const ending = new AbortController()
    const comeBack = thread.open()
    let begun: ReturnType<typeof begin> | { startedAtMs: number } = { startedAtMs: Date.now() }
    let outgoing: OutgoingRequest | null = null
    let finished = false

    /** The first end counts; it is told to the app in a later task. */
    function finish(outcome: Outcome<Result>): void {
      if (finished) return
      finished = true
      unfinished.delete(fail)
      ending.abort(OVER)
      record(`wx.${api}`, { ...begun, ...describe(outgoing, outcome) })
      comeBack(() => conclude(thread, options, outcome))
    }

    function fail(error: unknown): void {
      finish({ failure: failureOf(api, error) })
    }

    async function run(): Promise<void> {
      outgoing = await build(options)
      if (thread.suspended) throw interrupted()
      const { signal } = ending
      const release = await slots.take(signal)
      if (finished) return release()
      // Not before: a request that waits for one of the ten places has not been sent.
      begun = begin(`wx.${api}`, describeRequest(outgoing))
      const timeoutMs = Math.min(positive(options.timeout) ?? MAX_TIMEOUT_MS, MAX_TIMEOUT_MS)
      // From the moment it is sent: whether time in the queue counts is not documented, and this is the harder case.
      const timer = clock.setTimeout(() => fail(new WxFailure('timeout', NETWORK_ERRNO.timeout)), timeoutMs)
      try {
        // Raced, because what hangs may never notice the signal and would keep its slot.
        const answer = exchange(outgoing, {
          point: `wx.${api}`,
          redirect: options.redirect ?? 'follow',
          timeoutMs,
          signal,
        })
        deliver(await Promise.race([answer, rejectedBy(signal)]))
      } finally {
        clock.clearTimeout(timer)
        release()
      }
    }

    function deliver(response: TransportResponse): void {
      const { statusCode, header, cookies = [] } = response
      const result = parse(response, options)
      thread.post(() => {
        if (finished) return
        headersReceived.emit({ statusCode, header, cookies })
        progressUpdated.emit(progressOf(sizeOf(outgoing?.body), sizeOf(response.body)))
      })
      // In a task of its own: an abort by a listener still wins.
      thread.post(() => finish({ result: { ...result, errMsg: `${api}:ok` } }))
    }

    unfinished.add(fail)
    run().catch(fail)

    return {
      abort: () => fail(new WxFailure('abort')),
      onHeadersReceived: headersReceived.on,
      offHeadersReceived: headersReceived.off,
      onProgressUpdate: progressUpdated.on,
      offProgressUpdate: progressUpdated.off,
      onChunkReceived: () => {},
      offChunkReceived: () => {},
    }
  }

  const request: Call<RequestOptions, RequestResult> = {
    api: 'request',
    build: (options) => buildRequest(options, referer),
    parse: ({ statusCode, header, cookies = [], body }, options) => ({
      data: parseBody(body, options),
      statusCode,
      header,
      cookies,
    }),
  }

  const upload: Call<UploadOptions, UploadResult> = {
    api: 'uploadFile',
    build: (options) => buildUpload(options, referer, files.read),
    parse: ({ statusCode, body }) => ({ data: textOf(body), statusCode }),
  }

  const download: Call<DownloadOptions, DownloadResult> = {
    api: 'downloadFile',
    build: (options) => buildDownload(options, referer),
    parse({ statusCode, body }, { filePath }) {
      const path: Partial<DownloadResult> =
        filePath === undefined ? { tempFilePath: files.create(body) } : { filePath: files.write(filePath, body) }
      return { statusCode, ...path } as DownloadResult
    },
  }

  function failAll(failure: WxFailure): void {
    for (const fail of [...unfinished]) fail(failure)
  }

  network.onLost(() => failAll(cronetFailure(-21, 'ERR_NETWORK_CHANGED')))

  return {
    api: {
      request: (options: RequestOptions): RequestTask => start(request, options),
      uploadFile: (options: UploadOptions): TransferTask => start(upload, options),
      downloadFile: (options: DownloadOptions): TransferTask => start(download, options),
    },
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
  const text = textOf(body)
  if (dataType !== 'json') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function textOf(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : new TextDecoder().decode(body)
}

function sizeOf(body: string | Uint8Array = ''): number {
  return typeof body === 'string' ? new TextEncoder().encode(body).length : body.length
}

function progressOf(sentBytes: number, receivedBytes: number): TransferProgress {
  return {
    progress: 100,
    totalBytesSent: sentBytes,
    totalBytesExpectedToSend: sentBytes,
    totalBytesWritten: receivedBytes,
    totalBytesExpectedToWrite: receivedBytes,
  }
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value : null
}

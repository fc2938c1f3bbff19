import { isIP } from 'node:net'
import type { Dispatcher } from 'undici'
import { ApiError } from '../api-error.ts'
import { createDeadlines } from '../deadlines.ts'
import { observeCall } from '../diagnostics.ts'
import { DETAILS, ERRCODES, RETRY_AFTER_SECONDS } from './errcodes.ts'

/** What a caller of ours waits for WeChat, however many calls that takes. */
export const WECHAT_DEADLINE_MS = 5_000
/** A real answer has a few hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Connections to WeChat are kept. It follows no redirect and sends nothing twice, as a code that is good once needs it. Its
 * library has 109 files, which are loaded with the first call, so that nobody waits for them at the start.
 */
let httpClient: ReturnType<typeof loadHttpClient> | undefined

async function loadHttpClient() {
  const { Agent, errors } = await import('undici')
  return {
    dispatcher: new Agent({ maxResponseSize: MAX_ANSWER_BYTES }),
    isTooLarge: (error: Error) => error instanceof errors.ResponseExceededMaxSizeError,
  }
}

const deadlines = createDeadlines()

/** One request to an API of WeChat. */
export interface WechatCall {
  baseUrl: string
  /** Without a slash in front: it goes below whatever path the base has. */
  path: string
  query?: Record<string, string>
  /** Makes it a POST. */
  body?: object
  /** When to give up, on the clock of `performance.now()`: several calls for one caller share it. */
  giveUpAtMs: number
}

/** WeChat's answer, be it a success or an errcode. */
export interface WechatAnswer {
  /** 0 is success. */
  errcode: number
  body: Record<string, unknown>
}

/**
 * One HTTP call, never repeated. Its URL and body hold secrets, so nothing of an original error is kept but its short
 * code.
 *
 * @throws ApiError `wechat_bad_response`, `wechat_unreachable` or `wechat_timeout`; an errcode is an answer
 */
export function callWechat(call: WechatCall): Promise<WechatAnswer> {
  const observed = { target: 'wechat', operation: call.path }
  return observeCall(
    observed,
    () => ask(call),
    ({ errcode }) => errcode,
  )
}

async function ask({ baseUrl, path, query, body, giveUpAtMs }: WechatCall): Promise<WechatAnswer> {
  const url = new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`)
  // URLSearchParams encodes: a code of `x&appid=y` stays one parameter.
  url.search = new URLSearchParams(query).toString()
  const response = await send({
    origin: url.origin,
    path: url.pathname + url.search,
    ...(body
      ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      : { method: 'GET' }),
    giveUpAtMs,
  })
  if (response.status < 200 || response.status > 299) throw badResponse(`HTTP status ${response.status}`)
  return parseAnswer(response.text)
}

/** @throws ApiError `wechat_timeout` when `work` is not done by `giveUpAtMs`; it goes on all the same */
export function before<T>(giveUpAtMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const takeBack = deadlines.set(giveUpAtMs, () => reject(timeout()))
    work.then(resolve, reject).finally(takeBack)
  })
}

/**
 * Sends a request and reads its answer as a text. undici's `request` would do the same, and make a stream and an abort signal
 * for each answer of a few hundred bytes: a tenth of a sign-in.
 */
async function send({
  giveUpAtMs,
  ...options
}: Dispatcher.DispatchOptions & { giveUpAtMs: number }): Promise<{ status: number; text: string }> {
  httpClient ??= loadHttpClient()
  const { dispatcher, isTooLarge } = await httpClient
  return new Promise((resolve, reject) => {
    let connection: Dispatcher.DispatchController | null = null
    let isLate = false
    let status = 0
    const chunks: Buffer[] = []
    const takeBack = deadlines.set(giveUpAtMs, () => {
      isLate = true
      // First: what is aborted fails in its own words.
      reject(timeout())
      connection?.abort(timeout())
    })
    dispatcher.dispatch(options, {
      onRequestStart(controller) {
        connection = controller
        // It waited for a connection until nobody waited for it any more: a code must not be spent for nobody.
        if (isLate) controller.abort(timeout())
      },
      onResponseStart(_controller, statusCode) {
        status = statusCode
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd() {
        takeBack()
        resolve({ status, text: Buffer.concat(chunks).toString() })
      },
      onResponseError(_controller, error) {
        takeBack()
        if (isTooLarge(error)) return reject(badResponse(`an answer of more than ${MAX_ANSWER_BYTES} bytes`))
        reject(new ApiError('wechat_unreachable', `WeChat could not be reached (${findErrorCode(error)})`))
      },
    })
  })
}

/** The error for an errcode: what our caller is told, and in the log what the operator can do about it. */
export function toErrcodeError({ errcode, body }: WechatAnswer, meanings = ERRCODES): ApiError {
  const { code, meaning } = meanings[errcode] ?? { code: 'internal', meaning: 'an errcode that we do not know' }
  // Two things of WeChat's own text are kept, because no secret can be in them: the address that it saw (40164), and the
  // request id that its support asks for.
  const text = String(body.errmsg)
  const address = text.split(/[\s,]+/).find((word) => isIP(word) !== 0)
  const requestId = /rid: ?([\w-]{1,64})/.exec(text)?.[1]
  const details = [address && `address ${address}`, requestId && `rid: ${requestId}`].filter(Boolean).join(', ')
  return new ApiError(code, `WeChat answered errcode ${errcode}: ${meaning}${details && ` (${details})`}`, {
    logFields: { errcode },
    ...(DETAILS[code] && { detail: DETAILS[code] }),
    ...(RETRY_AFTER_SECONDS[code] && { retryAfterSeconds: RETRY_AFTER_SECONDS[code] }),
  })
}

/** The error for an answer that is none; `what` says what came, without a secret. */
export function badResponse(what: string): ApiError {
  return new ApiError('wechat_bad_response', `WeChat sent ${what}`)
}

/** The error for an answer that did not come in time. */
export function timeout(): ApiError {
  return new ApiError('wechat_timeout', `WeChat did not answer within ${WECHAT_DEADLINE_MS} ms`)
}

/** WeChat labels its JSON `text/plain`, so the content type says nothing. */
function parseAnswer(text: string): WechatAnswer {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw badResponse('an answer that is not JSON')
  }
  if (typeof body !== 'object' || body === null) throw badResponse('an answer that is no object')
  const { errcode = 0 } = body as Record<string, unknown>
  const isNumeric = typeof errcode === 'number' || (typeof errcode === 'string' && /^-?\d{1,9}$/.test(errcode))
  if (!isNumeric) throw badResponse('an errcode that is no number')
  return { errcode: Number(errcode), body: body as Record<string, unknown> }
}

function findErrorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'no connection'
}

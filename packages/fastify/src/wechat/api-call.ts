import { isIP } from 'node:net'
import { Agent, errors, request } from 'undici'
import { ApiError } from '../api-error.ts'
import { DETAILS, ERRCODES, RETRY_AFTER_SECONDS } from './errcodes.ts'

/** What a caller of ours waits for WeChat, however many calls that takes. */
export const WECHAT_DEADLINE_MS = 5_000
/** A real answer has a few hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024

/** Connections to WeChat are kept. It follows no redirect and sends nothing twice, as a code that is good once needs it. */
const dispatcher = new Agent({ maxResponseSize: MAX_ANSWER_BYTES })

/** One request to an API of WeChat. */
export interface WechatCall {
  baseUrl: string
  /** Without a slash in front: it goes below whatever path the base has. */
  path: string
  query?: Record<string, string>
  /** Makes it a POST. */
  body?: object
  signal: AbortSignal
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
export async function callWechat({ baseUrl, path, query, body, signal }: WechatCall): Promise<WechatAnswer> {
  const url = new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`)
  // URLSearchParams encodes: a code of `x&appid=y` stays one parameter.
  url.search = new URLSearchParams(query).toString()
  const post = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  let text: string
  try {
    const response = await request(url, { dispatcher, signal, ...post })
    if (response.statusCode < 200 || response.statusCode > 299) {
      await response.body.dump()
      throw badResponse(`HTTP status ${response.statusCode}`)
    }
    text = await response.body.text()
  } catch (error) {
    if (error instanceof ApiError) throw error
    if (signal.aborted) throw timeout()
    if (error instanceof errors.ResponseExceededMaxSizeError) {
      throw badResponse(`an answer of more than ${MAX_ANSWER_BYTES} bytes`)
    }
    throw new ApiError('wechat_unreachable', `WeChat could not be reached (${findErrorCode(error)})`)
  }
  return parseAnswer(text)
}

/** The error for an errcode: what our caller is told, and in the log what the operator can do about it. */
export function toErrcodeError({ errcode, body }: WechatAnswer): ApiError {
  const { code, meaning } = ERRCODES[errcode] ?? { code: 'internal', meaning: 'an errcode that we do not know' }
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
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badResponse('an answer that is no object')
  const { errcode = 0 } = body as Record<string, unknown>
  const isNumeric = typeof errcode === 'number' || (typeof errcode === 'string' && /^-?\d{1,9}$/.test(errcode))
  if (!isNumeric) throw badResponse('an errcode that is no number')
  return { errcode: Number(errcode), body: body as Record<string, unknown> }
}

function findErrorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'no connection'
}

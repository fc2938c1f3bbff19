import { ApiError } from '../api-error.ts'
import type { WechatIdentity } from '../wechat-identity.ts'
import { DETAILS, ERRCODES, INVALID_APP_SECRET, RETRY_AFTER_SECONDS } from './errcodes.ts'

const DEADLINE_MS = 5_000
/** A real answer has a few hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024
/** `session_key` is base64 of an AES-128 key; Buffer.from would accept any junk. */
const SESSION_KEY = /^[A-Za-z0-9+/]{22}==$/
const MAX_ID_LENGTH = 64

/** One mini-program. */
export interface WechatApp {
  appid: string
  /** During a rotation the old and the new one: the next is tried when WeChat refuses one (errcode 40125). */
  secrets: readonly string[]
}

export interface WechatGateway {
  hasApp(appid: string): boolean
  /**
   * Exchanges a login code. It is sent once, and never again after a failure of any kind; only a refused appSecret
   * (40125) sends it once more with each remaining one.
   *
   * @param code from `wx.login`; single use, valid for five minutes
   * @throws ApiError `appid_unknown`, `code_invalid`, `code_used`, `wechat_*` or `internal` (an unknown errcode)
   * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session
   */
  code2Session(appid: string, code: string): Promise<WechatIdentity>
}

export interface WechatGatewayOptions {
  apps: readonly WechatApp[]
  /** Default `https://api.weixin.qq.com`. */
  baseUrl?: string
  /** Told what the operator should do, in one sentence without a secret. */
  warn?: (message: string) => void
}

export function createWechatGateway(options: WechatGatewayOptions): WechatGateway {
  const { baseUrl = 'https://api.weixin.qq.com', warn = () => {} } = options
  const apps = new Map(options.apps.map((app) => [app.appid, app]))
  /** The secret that worked last, so that a rotation costs one extra call and not one at every login. */
  const working = new Map<string, string>()

  return {
    hasApp: (appid) => apps.has(appid),

    async code2Session(appid, code) {
      const app = apps.get(appid)
      if (!app) throw new ApiError('appid_unknown', 'this appid is not configured')
      const signal = AbortSignal.timeout(DEADLINE_MS)
      const preferred = working.get(appid)
      const secrets = preferred ? [preferred, ...app.secrets.filter((secret) => secret !== preferred)] : app.secrets
      for (const secret of secrets) {
        const answer = await ask(code2SessionUrl(baseUrl, appid, secret, code), signal)
        if (answer.errcode === INVALID_APP_SECRET) {
          warn(
            `WeChat refuses appSecret ${app.secrets.indexOf(secret) + 1} of ${app.secrets.length} of ${appid} ` +
              `(errcode 40125): remove it or correct it`,
          )
          continue
        }
        working.set(appid, secret)
        return parseIdentity(answer)
      }
      throw new ApiError('wechat_misconfigured', `WeChat refuses every appSecret of ${appid} (errcode 40125)`)
    },
  }
}

function code2SessionUrl(baseUrl: string, appid: string, secret: string, code: string): URL {
  const url = new URL('sns/jscode2session', baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`)
  // URLSearchParams encodes: a code of `x&appid=y` stays one parameter.
  url.search = new URLSearchParams({
    appid,
    secret,
    js_code: code,
    grant_type: 'authorization_code',
  }).toString()
  return url
}

interface Answer {
  errcode: number
  body: Record<string, unknown>
}

/** One GET. Its URL holds the secret and the code, so nothing of an original error is kept but its short code. */
async function ask(url: URL, signal: AbortSignal): Promise<Answer> {
  let text: string
  try {
    const response = await fetch(url, { redirect: 'manual', signal })
    if (!response.ok) {
      await response.body?.cancel()
      throw badResponse(`HTTP status ${response.status}`)
    }
    text = await readText(response)
  } catch (error) {
    if (error instanceof ApiError) throw error
    if (signal.aborted) throw new ApiError('wechat_timeout', `WeChat did not answer within ${DEADLINE_MS} ms`)
    throw new ApiError('wechat_unreachable', `WeChat could not be reached (${findErrorCode(error)})`)
  }
  return parseAnswer(text)
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    // Leaving the loop cancels the stream.
    if (size > MAX_ANSWER_BYTES) throw badResponse(`an answer of more than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** WeChat labels its JSON `text/plain`, so the content type says nothing. */
function parseAnswer(text: string): Answer {
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

function parseIdentity({ errcode, body }: Answer): WechatIdentity {
  if (errcode !== 0) throw refusal(errcode, body.errmsg)
  const { openid, unionid, session_key: sessionKey } = body
  if (!isId(openid)) throw badResponse('success without an openid')
  if (typeof sessionKey !== 'string' || !SESSION_KEY.test(sessionKey))
    throw badResponse('success without a session_key')
  if (unionid !== undefined && unionid !== null && unionid !== '' && !isId(unionid)) {
    throw badResponse('a unionid that is no text')
  }
  return { openid, unionid: unionid || null, sessionKey }
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_ID_LENGTH
}

function refusal(errcode: number, errmsg: unknown): ApiError {
  const code = ERRCODES[errcode] ?? 'internal'
  // Of WeChat's own text only the request id is kept: it is what their support asks for, and it holds no secret.
  const requestId = /rid: ?([\w-]{1,64})/.exec(String(errmsg))?.[1]
  return new ApiError(code, `WeChat answered errcode ${errcode}${requestId ? ` (rid: ${requestId})` : ''}`, {
    ...(DETAILS[code] && { detail: DETAILS[code] }),
    ...(RETRY_AFTER_SECONDS[code] && { retryAfterSeconds: RETRY_AFTER_SECONDS[code] }),
  })
}

function badResponse(what: string): ApiError {
  return new ApiError('wechat_bad_response', `WeChat sent ${what}`)
}

function findErrorCode(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : 'no connection'
}

import { type CreateSessionResponse, type Problem, ROUTES } from '@weapp-auth/shared'
import type { AuthErrorCode, LoginWithRequest } from './contract.ts'
import { ignore, within } from './deadline.ts'
import { AuthError } from './errors.ts'
import type { WeChat } from './wx.ts'
import type { RequestResult } from './wx-api.ts'

/** The body that a successful sign-in answers, checked. */
export type Issued<User> = Omit<CreateSessionResponse, 'user'> & { user: User }

/** The calls about the session itself. They never wait for a login and are never replayed. */
export interface Service<User> {
  /**
   * Sends a sign-in to `request.url`.
   *
   * @param replaced the token of the session that the new one replaces
   * @param onTask gets the task of `wx.request`
   */
  login(request: LoginWithRequest, replaced: string | null, onTask: (task: unknown) => void): Promise<Issued<User>>
  /** `GET /v1/session`: asks the service whether the session of `token` lives. */
  askSession(token: string): Promise<RequestResult>
  /** `DELETE /v1/session`. Never rejects: a session that cannot be revoked now expires by itself. */
  revoke(token: string): Promise<unknown>
  /** `DELETE /v1/sessions?scope=all`. */
  revokeAll(token: string): Promise<void>
}

/** The limit for calls that nobody waits for, or not for long. */
const SHORT_TIMEOUT_MS = 5_000

/** @param bearer makes the header that carries a token */
export function createService<User>(
  wechat: WeChat,
  baseUrl: string,
  bearer: (token: string) => Record<string, string>,
): Service<User> {
  async function call(method: 'GET' | 'DELETE', path: string, token: string): Promise<RequestResult> {
    const options = { url: baseUrl + path, method, header: bearer(token), timeout: SHORT_TIMEOUT_MS } as const
    return within(SHORT_TIMEOUT_MS, wechat.send('request', options, ignore, true), () =>
      Promise.reject(new AuthError('timeout', 'request:fail timeout')),
    )
  }

  return {
    async login({ url, data }, replaced, onTask) {
      const header = replaced ? bearer(replaced) : {}
      const response = await wechat.send('request', { url, method: 'POST', header, data }, onTask, true)
      if (!(response.statusCode >= 300) && isIssued<Issued<User>>(response.data)) return response.data
      throw toResponseError(response, 'login', 'login_rejected', 'login_throttled')
    },

    askSession: (token) => call('GET', ROUTES.session, token),

    revoke: (token) => call('DELETE', ROUTES.session, token).catch(ignore),

    async revokeAll(token) {
      const response = await call('DELETE', `${ROUTES.sessions}?scope=all`, token)
      if (!(response.statusCode < 300)) throw toResponseError(response, 'logout', 'unauthorized')
    },
  }
}

/**
 * Turns a response that is not the expected one into an AuthError.
 *
 * @param name the call that failed, for the message
 * @param rejected the code for a 4xx
 * @param throttled the code for a 429
 */
export function toResponseError(
  response: { statusCode: unknown; data: unknown; header?: unknown },
  name: string,
  rejected: AuthErrorCode,
  throttled = rejected,
): AuthError {
  // Some hosts give the status as a string.
  const statusCode = Number(response.statusCode)
  const { code: problem, detail, requestId } = problemOf(response)
  const code =
    statusCode === 429 ? throttled : statusCode >= 500 ? 'unavailable' : statusCode >= 400 ? rejected : 'bad_response'
  return new AuthError(code, `${name}:fail the service at baseUrl answered ${statusCode} ${problem || ''}`, {
    statusCode,
    problem,
    detail: textOf(detail),
    requestId: textOf(requestId),
    retryAfterMs: retryAfterMs(response.header),
  })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A timer cannot wait longer than 24 days, and nobody should be kept from signing in that long. */
const LONGEST_RETRY_AFTER_MS = 3_600_000

/** `Retry-After` in seconds. Its other form, a date, is ignored: a phone's clock may be wrong. */
function retryAfterMs(header: unknown): number | undefined {
  const { 'Retry-After': upper, 'retry-after': seconds = upper } = Object(header) as Record<string, unknown>
  const ms = Number(seconds) * 1000
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined
}

/** The value of a JSON text. What is no text, or no JSON, stays as it is. */
export function parseJson(data: unknown): unknown {
  try {
    return typeof data === 'string' ? JSON.parse(data) : data
  } catch {
    return data
  }
}

/** The problem document of a response, or `{}`. Its code is repeated in messages, so it must look like a code. */
export function problemOf(response: unknown): Partial<Problem> {
  try {
    const { data } = response as { data?: unknown }
    const problem = parseJson(data) as Partial<Problem>
    return /^[a-z_]{1,40} [a-z_]{0,40}$/.test(`${problem.code} ${problem.reason || ''}`) ? problem : {}
  } catch {
    return {}
  }
}

/** Checks a sign-in's answer. Lifetimes are relative, in seconds. A token is visible ASCII, so that it fits in a header. */
export function isIssued<Found extends Issued<unknown>>(value: unknown): value is Found {
  const { token, expiresIn, absoluteExpiresIn, session, user } = Object(value) as Partial<Issued<unknown>>
  return (
    typeof token === 'string' &&
    /^[!-~]+$/.test(token) &&
    isLifetime(expiresIn) &&
    isLifetime(absoluteExpiresIn) &&
    typeof (Object(session) as { id?: unknown }).id === 'string' &&
    Object(user) === user
  )
}

function isLifetime(seconds: unknown): boolean {
  return Number(seconds) > 0 && Number.isFinite(Number(seconds))
}

import { type CreateSessionResponse, type Problem, ROUTES } from '@weapp-auth/shared'
import { ignore, within } from './deadline.ts'
import { AuthError, type AuthErrorCode } from './errors.ts'
import type { RequestResult, Task, WeChat, WxRequestOptions } from './wx.ts'

/** What a successful sign-in brings: the wire body, checked. */
export type Issued<User> = Omit<CreateSessionResponse, 'user'> & { user: User }

/** Where an own or a third party's sign-in is sent to, and with what. */
export interface SignInRequest {
  /** As in `request`: `/…` of `baseUrl`, or an absolute URL of an allowed origin. It answers as `POST /v1/sessions` does. */
  url: string
  data?: WxRequestOptions['data']
}

/** The calls that never take the way of other requests: no waiting for a login, no replay. */
export interface Service<User> {
  /** A sign-in: `POST /v1/sessions` unless `request` names another. `token` is of the session that it replaces. */
  signIn(request: SignInRequest, token: string | null, onTask: (task: Task) => void): Promise<Issued<User>>
  /** `GET /v1/session`: what the service says of `token`. */
  judge(token: string): Promise<RequestResult>
  /** `DELETE /v1/session`, as far as it can be had: a session that is not revoked expires by itself. */
  revoke(token: string): Promise<unknown>
  /** `DELETE /v1/sessions?scope=all`. */
  revokeAll(token: string): Promise<void>
}

/** For what nobody waits for, or not for long. */
const SHORT_TIMEOUT_MS = 5_000

export function createService<User>(
  wechat: WeChat,
  baseUrl: string,
  bearer: (token: string) => Record<string, string>,
): Service<User> {
  function ask(method: 'GET' | 'DELETE', path: string, token: string): Promise<RequestResult> {
    const options = { url: baseUrl + path, method, header: bearer(token), timeout: SHORT_TIMEOUT_MS }
    return within(SHORT_TIMEOUT_MS, wechat.send<RequestResult>('request', options), () =>
      Promise.reject(new AuthError('timeout', 'request:fail timeout')),
    )
  }

  return {
    async signIn({ url, data }, token, onTask) {
      const options = { url, method: 'POST', header: token ? bearer(token) : {}, data }
      const response = await wechat.send<RequestResult>('request', options, onTask)
      if (!(response.statusCode >= 300) && isIssued<Issued<User>>(response.data)) return response.data
      throw refusal(response, 'login', 'login_rejected', 'login_throttled')
    },

    judge: (token) => ask('GET', ROUTES.session, token),

    revoke: (token) => ask('DELETE', ROUTES.session, token).catch(ignore),

    async revokeAll(token) {
      const response = await ask('DELETE', `${ROUTES.sessions}?scope=all`, token)
      if (!(response.statusCode < 300)) throw refusal(response, 'logout', 'unauthorized')
    },
  }
}

/** An answer that is not what was asked for. */
export function refusal(
  response: RequestResult,
  name: string,
  rejected: AuthErrorCode,
  throttled = rejected,
): AuthError {
  const { header } = response
  const statusCode = Number(response.statusCode)
  const problem = problemOf(response).code
  const code =
    statusCode === 429 ? throttled : statusCode >= 500 ? 'unavailable' : statusCode >= 400 ? rejected : 'bad_response'
  const { 'Retry-After': retryAfter, 'retry-after': lowerCased = retryAfter } = Object(header)
  return new AuthError(code, `${name}:fail the service at baseUrl answered ${statusCode} ${problem || ''}`, {
    statusCode,
    problem,
    // In seconds; the form with a date would be read against the phone's clock.
    retryAfterMs: Number(lowerCased) * 1000 || undefined,
  })
}

/** The problem a response carries, if any. Its code is repeated in messages, so nothing but a code may pass for one. */
export function problemOf(response: unknown): Partial<Problem> {
  try {
    const { data } = response as RequestResult
    const problem = typeof data === 'string' ? JSON.parse(data) : data
    return /^[a-z_]{1,40} [a-z_]{0,40}$/.test(`${problem.code} ${problem.reason || ''}`) ? problem : {}
  } catch {
    return {}
  }
}

/** Lifetimes are relative, in seconds; a token is visible ASCII, which is what can stand in a header as it is. */
export function isIssued<Found extends Issued<unknown>>(value: unknown): value is Found {
  const { token, expiresIn, absoluteExpiresIn, session, user } = Object(value) as Partial<Issued<unknown>>
  return (
    typeof token === 'string' &&
    /^[!-~]+$/.test(token) &&
    Number(expiresIn) > 0 &&
    Number(absoluteExpiresIn) > 0 &&
    typeof Object(session).id === 'string' &&
    Object(user) === user
  )
}

import { type CreateSessionRequest, type CreateSessionResponse, type Problem, ROUTES } from '@weapp-auth/shared'
import { ignore, within } from './deadline.ts'
import { AuthError } from './errors.ts'
import type { RequestResult, RequestTask, WeChat, WxRequestOptions } from './wx.ts'

/** What a successful sign-in brings: the wire body, checked. */
export type Issued<User> = Omit<CreateSessionResponse, 'user'> & { user: User }

/** The two calls of the service that never take the way of other requests: no waiting for a login, no replay. */
export interface Service<User> {
  /** `POST /v1/sessions`. */
  exchange(body: CreateSessionRequest, timeoutMs: number, onTask: (task: RequestTask) => void): Promise<Issued<User>>
  /** `DELETE /v1/session`, as far as it can be had: a session that is not revoked expires by itself. */
  revoke(token: string): Promise<void>
}

const REVOKE_TIMEOUT_MS = 5_000

export function createService<User>(wechat: WeChat, baseUrl: string): Service<User> {
  return {
    async exchange(body, timeoutMs, onTask) {
      const options: WxRequestOptions = {
        url: baseUrl + ROUTES.sessions,
        method: 'POST',
        header: { 'content-type': 'application/json' },
        data: body,
        timeout: timeoutMs,
      }
      const response = await wechat.request(options, onTask)
      if (response.statusCode < 300 && isIssued<User>(response.data)) return response.data
      throw refusal(response)
    },

    revoke: (token) =>
      within(
        REVOKE_TIMEOUT_MS,
        wechat
          .request({
            url: baseUrl + ROUTES.session,
            method: 'DELETE',
            header: bearer(token),
            timeout: REVOKE_TIMEOUT_MS,
          })
          .then(ignore, ignore),
        ignore,
      ),
  }
}

function refusal(response: RequestResult): AuthError {
  const statusCode = Number(response.statusCode)
  const code =
    statusCode === 429
      ? 'login_throttled'
      : statusCode >= 500
        ? 'unavailable'
        : statusCode >= 400
          ? 'login_rejected'
          : 'bad_response'
  return new AuthError(
    code,
    `login:fail the service at baseUrl answered ${statusCode} ${problemOf(response).code || ''}`,
    {
      statusCode,
    },
  )
}

/** The one place a token is put: a header. */
export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` }
}

/** The problem a response carries, if any. Its code is repeated in messages, so nothing but a code may pass for one. */
export function problemOf({ data }: RequestResult): Partial<Problem> {
  try {
    const problem = typeof data === 'string' ? JSON.parse(data) : data
    return /^[a-z_]{1,40}$/.test(problem.code) ? problem : {}
  } catch {
    return {}
  }
}

/** Lifetimes are relative, in seconds; a token is visible ASCII, which is what can stand in a header as it is. */
export function isIssued<User>(value: unknown): value is Issued<User> {
  const { token, expiresIn, absoluteExpiresIn, session, user } = (value || {}) as Partial<CreateSessionResponse>
  return (
    typeof token === 'string' &&
    /^[!-~]+$/.test(token) &&
    Number(expiresIn) > 0 &&
    Number(absoluteExpiresIn) > 0 &&
    typeof session?.id === 'string' &&
    !!user &&
    typeof user === 'object'
  )
}

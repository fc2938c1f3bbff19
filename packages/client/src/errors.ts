import type { ProblemCode } from '@weapp-auth/shared'

/**
 * What went wrong, for a `switch`:
 *
 * - `login_failed`: `wx.login` failed or gave no code
 * - `login_timeout`: signing in took longer than `loginTimeoutMs`
 * - `login_rejected`: the service refused the sign-in (4xx); trying again will not help
 * - `login_throttled`: too many sign-ins, said by the service (429) or by this package's own ceiling (3 in 10 s)
 * - `unavailable`: the service is in trouble (5xx), there is no `wx` to call, or WeChat shows a single page only
 * - `bad_response`: the service answered something that is not its contract, e.g. a proxy's HTML page
 * - `unauthorized`: a 401 that a new sign-in did not mend
 * - `rejected`: the service refused `updateProfile` or `decrypt` (4xx); `problem` says why
 * - `logged_out`: signed out, until `ensureLogin({ force: true })` or `loginWith()`
 * - `network`: no answer came
 * - `timeout`: no answer came in time
 * - `aborted`: `abort()` was called
 * - `invalid_argument`: the call itself is wrong; the message says how
 */
export type AuthErrorCode =
  | 'login_failed'
  | 'login_timeout'
  | 'login_rejected'
  | 'login_throttled'
  | 'unavailable'
  | 'bad_response'
  | 'unauthorized'
  | 'rejected'
  | 'logged_out'
  | 'network'
  | 'timeout'
  | 'aborted'
  | 'invalid_argument'

/** What an `AuthError` says besides its code and message. */
export interface AuthErrorDetails {
  /** WeChat's own error number, where `wx` gave one. */
  errno?: number
  /** The HTTP status, where an answer came. */
  statusCode?: number
  /** The service's own code for it, e.g. `user_disabled`, where it gave one. */
  problem?: ProblemCode
  /** How long the service asked to be left alone with `Retry-After`, in milliseconds. */
  retryAfterMs?: number
}

/** What every rejected call of this package rejects with. It never holds a token or a code. */
export class AuthError extends Error {
  declare readonly code: AuthErrorCode
  /** As `wx` says it: `request:fail …`, `login:fail …`. */
  declare readonly errMsg: string
  declare readonly errno?: number
  declare readonly statusCode?: number
  declare readonly problem?: ProblemCode
  declare readonly retryAfterMs?: number
  /** Whether the same call may succeed later without anybody doing anything. */
  declare readonly retryable: boolean

  constructor(code: AuthErrorCode, errMsg: string, details?: AuthErrorDetails) {
    super(errMsg)
    Object.assign(this, { name: 'AuthError', code, errMsg, retryable: RETRYABLE.test(code) }, details)
  }
}

const RETRYABLE = /^(login_(failed|timeout|throttled)|unavailable|network|timeout)$/

/** Whether `error` came from this package, also from another copy of it, where `instanceof` fails. */
export function isAuthError(error: unknown): error is AuthError {
  return Object(error).name === 'AuthError'
}

/** What is refused after a sign-out, and what began before one. */
export function loggedOut(): AuthError {
  return new AuthError('logged_out', 'login:fail signed out; ensureLogin({ force: true }) signs in again')
}

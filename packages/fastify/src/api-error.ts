import { PROBLEM_STATUS, type ProblemCode, type RevocationReason } from '@weapp-auth/shared'

/** What an {@link ApiError} says beside its code and message. */
export interface ApiErrorOptions {
  /** What the caller did wrong, for the caller to read. Never set for a failure that is ours. */
  detail?: string
  /** Why the session ended; with `session_revoked` only. */
  reason?: RevocationReason
  /** When trying again makes sense. */
  retryAfterSeconds?: number
  /** What its line in the operator's log says beside the code and the message; never leaves the server. */
  logFields?: LogFields
  cause?: unknown
}

/** By what a line of the log can be found. */
export interface LogFields {
  userId?: string
  sessionId?: string
  appid?: string
  /** WeChat's number for what went wrong. */
  errcode?: number
}

/**
 * A failure with a place in the wire contract: it leaves as the problem of its `code`. The `message` is for the
 * operator's log and never leaves the server; no message holds a token, a code, a secret or an openid.
 *
 * A host's `onSignIn` hook and handlers may throw it too, e.g. `new ApiError('user_disabled', 'banned')`.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ProblemCode
  readonly statusCode: number
  readonly detail: string | undefined
  readonly reason: RevocationReason | undefined
  readonly retryAfterSeconds: number | undefined
  readonly logFields: LogFields | undefined

  constructor(code: ProblemCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.statusCode = PROBLEM_STATUS[code]
    this.detail = options.detail
    this.reason = options.reason
    this.retryAfterSeconds = options.retryAfterSeconds
    this.logFields = options.logFields
  }
}

/**
 * Every problem code a response can carry, with its HTTP status. Clients act on the code; `title` and `detail` are for
 * people. A code is never renamed. 401 means "your session token is not valid" and nothing else.
 */
export const PROBLEM_STATUS = {
  request_invalid: 400,
  code_invalid: 400,
  phone_code_invalid: 400,
  session_missing: 401,
  session_malformed: 401,
  session_invalid: 401,
  session_revoked: 401,
  wechat_user_blocked: 403,
  user_disabled: 403,
  appid_unknown: 404,
  not_found: 404,
  code_used: 409,
  login_in_progress: 409,
  session_key_stale: 409,
  payload_too_large: 413,
  media_type_unsupported: 415,
  rate_limited: 429,
  wechat_rate_limited: 429,
  internal: 500,
  wechat_misconfigured: 500,
  wechat_bad_response: 502,
  wechat_unreachable: 502,
  wechat_busy: 503,
  store_unavailable: 503,
  hook_unavailable: 503,
  overloaded: 503,
  shutting_down: 503,
  wechat_timeout: 504,
} as const

/** One of these codes. */
export type ProblemCode = keyof typeof PROBLEM_STATUS

/** Why a session was ended early. Stands beside the code `session_revoked`. */
export const REVOCATION_REASONS = [
  /** The user signed out of this session. */
  'signed_out',
  /** The user ended this session from another device. */
  'signed_out_elsewhere',
  /** A newer sign-in on this device replaced it. */
  'replaced',
  /** The user had too many sessions, and this was the oldest. */
  'limit',
  /** The account was erased. */
  'erased',
  /** The operator of the service ended it. */
  'admin',
] as const

/** One of these reasons. */
export type RevocationReason = (typeof REVOCATION_REASONS)[number]

/** The body of every error response (RFC 9457, `application/problem+json`). */
export interface Problem {
  type: string
  title: string
  status: number
  code: ProblemCode
  requestId: string
  /** What is wrong with the request, only when the caller can correct it. */
  detail?: string
  /** Only with `session_revoked`. */
  reason?: RevocationReason
}

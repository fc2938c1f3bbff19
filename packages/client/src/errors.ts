import type { AuthErrorCode, AuthErrorDetails, AuthError as AuthErrorShape } from './contract.ts'

/** What every rejected call of this package rejects with. It never holds a token or a code. */
export class AuthError extends Error implements AuthErrorShape {
  declare readonly code: AuthErrorCode
  declare readonly errMsg: string
  declare readonly retryable: boolean
  declare readonly errno?: AuthErrorDetails['errno']
  declare readonly statusCode?: AuthErrorDetails['statusCode']
  declare readonly problem?: AuthErrorDetails['problem']
  declare readonly detail?: AuthErrorDetails['detail']
  declare readonly requestId?: AuthErrorDetails['requestId']
  declare readonly retryAfterMs?: AuthErrorDetails['retryAfterMs']

  constructor(code: AuthErrorCode, errMsg: string, details?: AuthErrorDetails) {
    super(errMsg)
    const retryable = RETRYABLE.test(code) && !(details && LASTING.test(String(details.problem)))
    Object.assign(this, { name: 'AuthError', code, errMsg, retryable }, details)
  }
}

const RETRYABLE = /^(login_(failed|timeout|throttled)|unavailable|network|timeout)$/
/** The service's errors that stay until its operator mends something. */
const LASTING = /^(wechat_misconfigured|internal)$/

/** Whether `error` came from this package, also from another copy of it, where `instanceof` fails. */
export function isAuthError(error: unknown): error is AuthError {
  return (Object(error) as { name?: unknown }).name === 'AuthError'
}

/** The error of a call that needs a session after a sign-out, and of a call that began before the sign-out. */
export function loggedOut(): AuthError {
  return new AuthError('logged_out', 'login:fail signed out; ensureLogin({ force: true }) signs in again')
}

/**
 * Turns a failure of `wx` into an AuthError. Only its text tells why it failed.
 *
 * @param otherwise the code when the text says nothing known
 * @param sent the options of the call: some hosts quote its headers and data in the text, from which they are removed
 */
export function toAuthError(failure: unknown, otherwise: AuthErrorCode, sent?: object): AuthError {
  if (failure instanceof AuthError) return failure
  const { header, data } = Object(sent) as { header?: unknown; data?: unknown }
  const errMsg = without(without(messageOf(failure), header), data)
  const code = /time(d )? ?out/i.test(errMsg)
    ? 'timeout'
    : /interrupt/.test(errMsg)
      ? 'network'
      : /:fail abort/.test(errMsg)
        ? 'aborted'
        : otherwise
  return new AuthError(code, errMsg, { errno: toFailure(failure).errno })
}

/** Too short for a token or a code, and too likely to be a word of the message. */
const SHORT = 8

/** `text` without the texts among the values of `secrets`, and without their single words, as in `Bearer <token>`. */
export function without(text: string, secrets: unknown): string {
  const values = Object(secrets) as Record<string, unknown>
  return Object.keys(values).reduce((left, name) => {
    const value = values[name]
    const words = typeof value === 'string' ? value.split(' ').concat(value) : []
    return words.reduce((rest, word) => (word.length < SHORT ? rest : rest.split(word).join('***')), left)
  }, text)
}

/** The text of a failure. Nothing else of it is used: another host may put the whole request, with the token, into it. */
export function messageOf(failure: unknown): string {
  return String(toFailure(failure).errMsg || failure)
}

function toFailure(failure: unknown): { errMsg?: unknown; errno?: number } {
  return Object(failure) as { errMsg?: unknown; errno?: number }
}

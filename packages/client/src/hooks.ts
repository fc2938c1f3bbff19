import { ignore } from './deadline.ts'
import { AuthError, messageOf, without } from './errors.ts'

/** Makes the application's clock safe to ask: when it throws or gives no number, the phone's clock counts. */
export function createNow(given: () => number): () => number {
  return () => {
    try {
      const ms = callHook('now', given)
      if (Number.isFinite(ms)) return ms
    } catch {
      // As if it gave no number.
    }
    return Date.now()
  }
}

/**
 * Calls one of the application's own functions, which must answer at once.
 *
 * @param option its name, for the message
 * @param secret what the function was told and its error may quote
 * @throws AuthError `invalid_argument` when it throws, or returns a promise
 */
export function callHook<Result>(option: string, run: () => Result, secret?: string): Result {
  let why = 'must not return a promise'
  try {
    const result = run()
    const { then } = Object(result) as { then?: unknown }
    if (typeof then !== 'function') return result
    // It may reject, and nobody else waits for it.
    then.call(result, ignore, ignore)
  } catch (error) {
    why = `threw ${without(messageOf(error), [secret])}`
  }
  throw new AuthError('invalid_argument', `${option}:fail the option ${option} ${why}`)
}

import { ApiError } from './api-error.ts'

/** After a write a database is believed to take another one for so long. */
export const WRITABLE_MS = 100

/** Wraps a method of a store, so that it rejects with an ApiError and with nothing else. */
export type GuardMethod = <A extends unknown[], T>(method: (...args: A) => T | Promise<T>) => (...args: A) => Promise<T>

/**
 * Turns what the driver of a store throws into `store_unavailable`: a failed command is an outage, and never an answer
 * such as "no such session". An ApiError stays as it is.
 *
 * The driver's error is not kept as `cause`, only its message: ioredis stores the command with its arguments in it, SQL
 * drivers the row, and a logger would print them (openids, sealed keys, a password in AUTH).
 *
 * @param store its name in the operator's log, e.g. `the session store (Redis)`
 * @param findRefusal what was wrong with the data when the store is there and refused it: that is a mistake in our code,
 * `internal`, and trying again does not help. Null: the store is away. It must not be the driver's message, which quotes rows.
 * Default: no error is a refusal.
 */
export function guardStore(store: string, findRefusal: (error: unknown) => string | null = () => null): GuardMethod {
  return (method) =>
    async (...args) => {
      try {
        return await method(...args)
      } catch (error) {
        if (error instanceof ApiError) throw error
        const refusal = findRefusal(error)
        if (refusal !== null) throw new ApiError('internal', `${store} refused the data: ${refusal}`)
        throw storeUnavailable(store, reasonOf(error))
      }
    }
}

/** @param why for the operator's log */
export function storeUnavailable(store: string, why: string): ApiError {
  return new ApiError('store_unavailable', `${store} failed: ${why}`, { retryAfterSeconds: 1 })
}

/**
 * What went wrong, in one line for the operator: the message of the innermost cause. Node wraps a refused connection in an
 * AggregateError that has a code but no message.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return reasonOf(error.cause)
  return error.message || ('code' in error ? String(error.code) : error.name)
}

import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, type UserStore } from '@weapp-auth/fastify'

/** With it no request takes longer than a second when the database is gone without a word. */
const DEADLINE_MS = 700
/** A sign-in that has not written by then asks whether the database is there at all. */
const PATIENCE_MS = 100

/**
 * Gives up on a database that does not answer. Where a sign-in writes, only when the database answers nobody else either: it
 * asked `ping` first, and after that its code is spent, so that waiting for a lock is better than refusing.
 *
 * @param answers whether the database says anything to anybody
 */
export function limitUserStore(users: UserStore, answers: () => Promise<boolean>): UserStore {
  return {
    ...users,
    ping: limited(users.ping),
    findUser: limited(users.findUser),
    findIdentity: limited(users.findIdentity),
    findKeys: limited(users.findKeys),
    replaceProfile: limited(users.replaceProfile),
    signIn: untilGone(users.signIn, answers),
  }
}

function limited<A extends unknown[], T>(ask: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return async (...args) => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(unavailable(`the user store did not answer within ${DEADLINE_MS} ms`)),
        DEADLINE_MS,
      )
    })
    return Promise.race([ask(...args), late]).finally(() => clearTimeout(timer))
  }
}

function untilGone<A extends unknown[], T>(
  write: (...args: A) => Promise<T>,
  answers: () => Promise<boolean>,
): (...args: A) => Promise<T> {
  return async (...args) => {
    const written = new AbortController()
    const gone = async (): Promise<never> => {
      do {
        await sleep(PATIENCE_MS, undefined, { signal: written.signal, ref: false })
      } while (await answers())
      throw unavailable('the user store answers nobody')
    }
    return Promise.race([write(...args), gone()]).finally(() => written.abort())
  }
}

function unavailable(message: string): ApiError {
  return new ApiError('store_unavailable', message, { retryAfterSeconds: 1 })
}

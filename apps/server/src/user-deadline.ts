import { ApiError, type UserStore } from '@weapp-auth/fastify'

/** With it no request takes longer than a second when the database is gone without a word. */
const DEADLINE_MS = 700

/**
 * Gives up on a database that does not answer. Not where a sign-in writes: it asks `ping` first, and after that its code
 * is spent, so that waiting for a lock is better than refusing.
 */
export function limitUserStore(users: UserStore): UserStore {
  return {
    ...users,
    ping: limited(users.ping),
    findUser: limited(users.findUser),
    findIdentity: limited(users.findIdentity),
    findKeys: limited(users.findKeys),
    replaceProfile: limited(users.replaceProfile),
  }
}

function limited<A extends unknown[], T>(ask: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return async (...args) => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const message = `the user store did not answer within ${DEADLINE_MS} ms`
      timer = setTimeout(
        () => reject(new ApiError('store_unavailable', message, { retryAfterSeconds: 1 })),
        DEADLINE_MS,
      )
    })
    return Promise.race([ask(...args), late]).finally(() => clearTimeout(timer))
  }
}

import { ApiError, type UserStore } from '@weapp-auth/fastify'
import type { UserDatabase } from './user-database.ts'

/** With it no request takes longer than a second when the database is gone without a word. */
const DEADLINE_MS = 600
/** A write that takes longer than this asks whether the database is there at all. */
const PATIENCE_MS = 100

/** Waits for an answer no longer than it makes sense to. */
type Limit = <T>(answer: Promise<T>) => Promise<T>

/**
 * Gives up on a database that does not answer. Writes of an identity have no fixed deadline: the login code is already spent,
 * so it is better to wait for a lock. They fail only when the database also does not answer a new connection.
 */
export function limitUserStore(users: UserStore, database: Pick<UserDatabase, 'isReady' | 'answers'>): UserStore {
  const unlessLate: Limit = (answer) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(unavailable(`the user store did not answer within ${DEADLINE_MS} ms`)),
        DEADLINE_MS,
      )
      answer.then(resolve, reject).finally(() => clearTimeout(timer))
    })

  const unlessGone: Limit = (answer) =>
    new Promise((resolve, reject) => {
      const look = async () => {
        if (!(await database.answers())) reject(unavailable('the user store answers nobody'))
        else if (!isSettled) timer = setTimeout(look, PATIENCE_MS)
      }
      let isSettled = false
      let timer = setTimeout(look, PATIENCE_MS)
      answer.then(resolve, reject).finally(() => {
        isSettled = true
        clearTimeout(timer)
      })
    })

  /** Fails at once until the database was reached, and never waits for that. */
  const limited =
    <A extends unknown[], T>(limit: Limit, ask: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (!database.isReady()) throw unavailable('the user store was not reached since the start')
      return limit(ask(...args))
    }

  return {
    ping: limited(unlessLate, users.ping),
    findUser: limited(unlessLate, users.findUser),
    findIdentity: limited(unlessLate, users.findIdentity),
    findKeys: limited(unlessLate, users.findKeys),
    updateProfile: limited(unlessLate, users.updateProfile),
    signIn: limited(unlessGone, users.signIn),
    createUser: limited(unlessGone, users.createUser),
    linkIdentity: limited(unlessGone, users.linkIdentity),
    replaceKey: limited(unlessGone, users.replaceKey),
  }
}

function unavailable(message: string): ApiError {
  return new ApiError('store_unavailable', message, { retryAfterSeconds: 1 })
}

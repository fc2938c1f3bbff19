import {
  ApiError,
  createDeadlines,
  type EventStore,
  type IdentityStore,
  type PhoneStore,
  type UserStore,
} from '@weapp-auth/fastify'
import type { UserDatabase } from './user-database.ts'

/** With it no request takes longer than a second when the database is gone without a word. */
const DEADLINE_MS = 600
/** A write that takes longer than this asks whether the database is there at all. */
const PATIENCE_MS = 100

/** Waits for an answer no longer than it makes sense to. */
type Limit = <T>(answer: Promise<T>) => Promise<T>

/**
 * Gives up on a database that does not answer. Some writes have no fixed deadline: a login code is spent or a session ended already,
 * so it is better to wait for a lock. They fail only when the database also does not answer a new connection.
 */
export function limitUserStore(users: UserStore & IdentityStore, database: Limited): UserStore & IdentityStore {
  const { limited, unlessLate, unlessGone } = createLimits(database)
  return {
    ping: limited(unlessLate, users.ping),
    findUser: limited(unlessLate, users.findUser),
    findUserByIdentity: limited(unlessLate, users.findUserByIdentity),
    findIdentity: limited(unlessLate, users.findIdentity),
    listIdentities: limited(unlessLate, users.listIdentities),
    findKeys: limited(unlessLate, users.findKeys),
    findUserByExternalId: limited(unlessLate, users.findUserByExternalId),
    listUsers: limited(unlessLate, users.listUsers),
    findErasing: limited(unlessLate, users.findErasing),
    findUserId: limited(unlessLate, users.findUserId),
    updateProfile: limited(unlessLate, users.updateProfile),
    signIn: limited(unlessGone, users.signIn),
    createUser: limited(unlessGone, users.createUser),
    createUserWithExternalId: limited(unlessGone, users.createUserWithExternalId),
    linkIdentity: limited(unlessGone, users.linkIdentity),
    replaceKey: limited(unlessGone, users.replaceKey),
    setExternalId: limited(unlessGone, users.setExternalId),
    disableUser: limited(unlessGone, users.disableUser),
    enableUser: limited(unlessGone, users.enableUser),
    beginErasure: limited(unlessGone, users.beginErasure),
    eraseUser: limited(unlessGone, users.eraseUser),
    unlinkIdentity: limited(unlessGone, users.unlinkIdentity),
    beginErasureOfLast: limited(unlessGone, users.beginErasureOfLast),
  }
}

/** The same for phone numbers, which stand in the same database: a phone code is spent before its number is written. */
export function limitPhoneStore(phones: PhoneStore, database: Limited): PhoneStore {
  const { limited, unlessLate, unlessGone } = createLimits(database)
  return {
    find: limited(unlessLate, phones.find),
    findHolder: limited(unlessLate, phones.findHolder),
    prove: limited(unlessGone, phones.prove),
    give: limited(unlessGone, phones.give),
    remove: limited(unlessGone, phones.remove),
    linkHolder: limited(unlessGone, phones.linkHolder),
  }
}

/** The same for events. Nobody waits for those that are written after an answer, so they may wait for a lock. */
export function limitEventStore(events: EventStore, database: Limited): EventStore {
  const { limited, unlessLate, unlessGone } = createLimits(database)
  return {
    list: limited(unlessLate, events.list),
    append: limited(unlessGone, events.append),
    deleteBefore: limited(unlessGone, events.deleteBefore),
    forgetErased: limited(unlessGone, events.forgetErased),
  }
}

type Limited = Pick<UserDatabase, 'isReady' | 'answers'>

function createLimits(database: Limited) {
  const deadlines = createDeadlines()

  const unlessLate: Limit = (answer) =>
    new Promise((resolve, reject) => {
      const giveUp = () => reject(unavailable(`the user store did not answer within ${DEADLINE_MS} ms`))
      const takeBack = deadlines.set(performance.now() + DEADLINE_MS, giveUp)
      answer.then(resolve, reject).finally(takeBack)
    })

  const unlessGone: Limit = (answer) =>
    new Promise((resolve, reject) => {
      let isSettled = false
      let takeBack = lookLater()
      answer.then(resolve, reject).finally(() => {
        isSettled = true
        takeBack()
      })

      function lookLater() {
        return deadlines.set(performance.now() + PATIENCE_MS, () => void look())
      }

      async function look() {
        if (!(await database.answers())) reject(unavailable('the user store answers nobody'))
        else if (!isSettled) takeBack = lookLater()
      }
    })

  /** Fails at once until the database was reached, and never waits for that. */
  const limited =
    <A extends unknown[], T>(limit: Limit, ask: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> => {
      if (database.isReady()) return limit(ask(...args))
      return Promise.reject(unavailable('the user store was not reached since the start'))
    }

  return { limited, unlessLate, unlessGone }
}

function unavailable(message: string): ApiError {
  return new ApiError('store_unavailable', message, { retryAfterSeconds: 1 })
}

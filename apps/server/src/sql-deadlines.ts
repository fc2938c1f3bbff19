import {
  ApiError,
  type ConflictStore,
  createDeadlines,
  type EventQueue,
  type EventStore,
  type IdentityStore,
  type PhoneStore,
  type UserStore,
} from '@weapp-auth/fastify'
import type { UserDatabase } from './user-database.ts'

/** Short enough that no request takes longer than a second when the database is gone without a word. */
const DEADLINE_MS = 600
/** After this time a write asks whether the database is there at all. */
const PATIENCE_MS = 100

/** What `createSqlUserStore` makes. */
export type SqlUsers = UserStore & IdentityStore & ConflictStore

/**
 * How long a call of a store may wait. `unlessLate`: for a fixed time. `unlessGone`: as long as the database answers new
 * connections. That is for writes after a login code or a phone code was spent, or a session ended: it is better that they wait for
 * a lock than that they fail.
 */
type LimitName = 'unlessLate' | 'unlessGone'

/** A limit for each method of a store. */
type Limits<Store> = Record<keyof Store, LimitName>

/** The same users; a call is given up when the database does not answer. */
export function limitUserStore(users: SqlUsers, database: Limited): SqlUsers {
  return limitStore(users, USER_LIMITS, database)
}

/** The same for phone numbers, which are in the same database. */
export function limitPhoneStore(phones: PhoneStore, database: Limited): PhoneStore {
  return limitStore(phones, PHONE_LIMITS, database)
}

/** The same for events. Those that are written after an answer may wait for a lock, because nobody waits for them. */
export function limitEventStore(events: EventStore, database: Limited): EventStore {
  const { queue, ...store } = events
  return {
    ...limitStore<Omit<EventStore, 'queue'>>(store, EVENT_LIMITS, database),
    queue: queue && limitStore(queue, QUEUE_LIMITS, database),
  }
}

const USER_LIMITS: Limits<SqlUsers> = {
  ping: 'unlessLate',
  findUser: 'unlessLate',
  findUserByIdentity: 'unlessLate',
  findIdentity: 'unlessLate',
  listIdentities: 'unlessLate',
  findKeys: 'unlessLate',
  findUserByExternalId: 'unlessLate',
  listUsers: 'unlessLate',
  findErasing: 'unlessLate',
  findUserIdEvenIfErasing: 'unlessLate',
  updateProfile: 'unlessLate',
  signIn: 'unlessGone',
  createUser: 'unlessGone',
  createUserWithExternalId: 'unlessGone',
  linkIdentity: 'unlessGone',
  replaceKey: 'unlessGone',
  setExternalId: 'unlessGone',
  disableUser: 'unlessGone',
  enableUser: 'unlessGone',
  beginErasure: 'unlessGone',
  eraseUser: 'unlessGone',
  unlinkIdentity: 'unlessGone',
  beginErasureOfLast: 'unlessGone',
  listConflicts: 'unlessLate',
  mergeUsers: 'unlessGone',
}

const PHONE_LIMITS: Limits<PhoneStore> = {
  find: 'unlessLate',
  findHolder: 'unlessLate',
  prove: 'unlessGone',
  give: 'unlessGone',
  remove: 'unlessGone',
  linkHolder: 'unlessGone',
}

const EVENT_LIMITS: Limits<Omit<EventStore, 'queue'>> = {
  list: 'unlessLate',
  append: 'unlessGone',
  deleteBefore: 'unlessGone',
  forgetErased: 'unlessGone',
}

const QUEUE_LIMITS: Limits<EventQueue> = {
  take: 'unlessGone',
  extend: 'unlessGone',
  settle: 'unlessGone',
  retry: 'unlessGone',
  giveUp: 'unlessGone',
  bringForward: 'unlessGone',
  listGivenUp: 'unlessLate',
  resend: 'unlessGone',
  inspect: 'unlessLate',
}

/** What is asked of the database itself. */
type Limited = Pick<UserDatabase, 'isReady' | 'answers'>

/** Calls fail at once until the database was reached, and never wait for that. */
function limitStore<Store extends object>(store: Store, limits: Limits<Store>, database: Limited): Store {
  const limitBy = createLimits(database)
  const limited = (ask: Method, limit: Limit): Method => {
    return (...args) => {
      if (database.isReady()) return limit(ask(...args))
      return Promise.reject(unavailable('the user store was not reached since the start'))
    }
  }
  const methods = Object.entries<LimitName>(limits).map(([name, limit]) => [
    name,
    limited(store[name as keyof Store] as Method, limitBy[limit]),
  ])
  return Object.fromEntries(methods) as Store
}

type Method = (...args: unknown[]) => Promise<unknown>

/** Settles as the answer does, or rejects. */
type Limit = (answer: Promise<unknown>) => Promise<unknown>

function createLimits(database: Limited): Record<LimitName, Limit> {
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

  return { unlessLate, unlessGone }
}

function unavailable(message: string): ApiError {
  return new ApiError('store_unavailable', message, { retryAfterSeconds: 1 })
}

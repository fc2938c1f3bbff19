import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, type UserStore } from '@weapp-auth/fastify'

/** With it no request takes longer than a second when the database is gone without a word. */
const DEADLINE_MS = 700
/** Who has not written by then asks whether the database is there at all. */
const PATIENCE_MS = 100

/** Rejects when it is time to give up; told by `signal` that nobody waits any more. */
type GiveUp = (signal: AbortSignal) => Promise<never>

/**
 * Gives up on a database that does not answer. Where a WeChat identity or its key is written, only when the database answers
 * nobody else either: `ping` was asked first, and after that a code is spent, so that waiting for a lock is better than
 * refusing.
 *
 * @param answers whether the database says anything to anybody
 */
export function limitUserStore(users: UserStore, answers: () => Promise<boolean>): UserStore {
  const late: GiveUp = async (signal) => {
    await sleep(DEADLINE_MS, undefined, { signal })
    throw unavailable(`the user store did not answer within ${DEADLINE_MS} ms`)
  }
  const gone: GiveUp = async (signal) => {
    do {
      await sleep(PATIENCE_MS, undefined, { signal, ref: false })
    } while (await answers())
    throw unavailable('the user store answers nobody')
  }
  return {
    ping: unless(late, users.ping),
    findUser: unless(late, users.findUser),
    findIdentity: unless(late, users.findIdentity),
    findKeys: unless(late, users.findKeys),
    updateProfile: unless(late, users.updateProfile),
    signIn: unless(gone, users.signIn),
    createUser: unless(gone, users.createUser),
    linkIdentity: unless(gone, users.linkIdentity),
    replaceKey: unless(gone, users.replaceKey),
  }
}

function unless<A extends unknown[], T>(giveUp: GiveUp, ask: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return async (...args) => {
    const settled = new AbortController()
    return Promise.race([ask(...args), giveUp(settled.signal)]).finally(() => settled.abort())
  }
}

function unavailable(message: string): ApiError {
  return new ApiError('store_unavailable', message, { retryAfterSeconds: 1 })
}

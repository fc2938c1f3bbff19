import { observeCall } from '@weapp-auth/fastify'
import type { Stores } from '../stores.ts'

/** How often the guard asked this process's cache of sessions, and how often the cache had the answer. */
export interface CacheTally {
  hits: number
  misses: number
}

/** The same stores, with the duration and the outcome of each call published to the listeners. */
export function observeStores(stores: Stores, cache: CacheTally): Stores {
  return {
    ...stores,
    openSessions(redis) {
      const opened = stores.openSessions(redis)
      const sessions = observe('sessions', opened.sessions)
      const { findRemembered } = sessions
      if (!findRemembered) return { ...opened, sessions }
      return {
        ...opened,
        sessions: {
          ...sessions,
          findRemembered(ref) {
            const remembered = findRemembered(ref)
            if (remembered) cache.hits++
            else cache.misses++
            return remembered
          },
        },
      }
    },
    users: observe('users', stores.users),
    phones: { ...stores.phones, store: observe('phones', stores.phones.store) },
  }
}

/** Methods that ask no server and return no promise. */
const QUIET = new Set(['findRemembered', 'findWarnings', 'close'])

function observe<Store extends object>(target: string, store: Store): Store {
  const observed = Object.entries(store).map(([operation, method]: [string, unknown]) => {
    if (typeof method !== 'function' || QUIET.has(operation)) return [operation, method]
    const call = { target, operation }
    return [operation, (...args: unknown[]) => observeCall(call, () => method.apply(store, args))]
  })
  return Object.fromEntries(observed)
}

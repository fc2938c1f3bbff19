import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, Server } from 'node:http'
import type { Ledger, LedgerDetail } from '@weapp-auth/emulator'
import { ApiError } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'
import type { Stores } from './stores.ts'

/** Which stores the demonstration can take away. */
const STORES = ['sessions', 'users'] as const
type StoreName = (typeof STORES)[number]

/** `down`: every call fails as that of a store that is away; `slow`: every call waits first. */
const MODES = ['up', 'down', 'slow'] as const
type Mode = (typeof MODES)[number]

const SLOW_MS = 800

/** Says which phone of the playground sent a request. */
const PHONE_HEADER = 'x-emulator-phone'

/**
 * The demonstration's window on the service: what it asks its stores becomes entries of the emulator's ledger, and the
 * stores can be switched off. The service itself knows nothing of it: it is handed other stores, that is all.
 */
export function watchStores(ledger: Ledger) {
  const phones = new AsyncLocalStorage<string | undefined>()
  const modes: Record<StoreName, Mode> = { sessions: 'up', users: 'up' }

  function watch<Store extends object>(name: StoreName, store: Store): Store {
    return new Proxy(store, {
      get(target, method) {
        const value: unknown = Reflect.get(target, method)
        // `findRemembered` and `close` ask the store nothing.
        if (typeof value !== 'function' || typeof method !== 'string' || QUIET.has(method)) return value
        return (...args: unknown[]) => observe(name, method, args, () => value.apply(target, args))
      },
    })
  }

  async function observe(name: StoreName, method: string, args: unknown[], run: () => unknown): Promise<unknown> {
    const phone = phones.getStore()
    const event = { side: 'service', event: `${name}.${method}`, ...(phone && { phone }), ...idsIn(args) } as const
    const begun = ledger.begin(event)
    try {
      if (modes[name] === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
      if (modes[name] === 'down') throw away(name)
      const result = await run()
      ledger.add({ ...event, ...begun, ...outcomeOf(result) })
      return result
    } catch (error) {
      ledger.add({ ...event, ...begun, failed: error instanceof ApiError ? error.code : 'error' })
      throw error
    }
  }

  return {
    watch: (stores: Stores): Stores => ({
      ...stores,
      openSessions(redis) {
        const opened = stores.openSessions(redis)
        return { ...opened, sessions: watch('sessions', opened.sessions) }
      },
      users: watch('users', stores.users),
      phones: { ...stores.phones, store: watch('users', stores.phones.store) },
    }),

    /** Calls of the stores that a request causes belong to the phone that sent the request. */
    follow(server: Server): void {
      server.prependListener('request', ({ headers }: IncomingMessage) => {
        const phone = headers[PHONE_HEADER]
        phones.enterWith(typeof phone === 'string' ? phone : undefined)
      })
    },

    /** `POST /stores { store, mode }` */
    routes: async (app: FastifyInstance) => {
      const names = { type: 'string', enum: STORES }
      const body = {
        type: 'object',
        required: ['store', 'mode'],
        properties: { store: names, mode: { type: 'string', enum: MODES } },
      }
      app.post<{ Body: { store: StoreName; mode: Mode } }>(
        '/stores',
        { schema: { body } },
        ({ body: { store, mode } }) => {
          modes[store] = mode
          ledger.add({ side: 'control', event: 'store.mode', store, mode })
          return modes
        },
      )
    },
  }
}

const QUIET = new Set(['findRemembered', 'findWarnings', 'close'])

function away(name: StoreName): ApiError {
  return new ApiError('store_unavailable', `the demonstration switched the ${name} off`, { retryAfterSeconds: 1 })
}

/** What may be told of a call: the beginning of a session's id, which is a hash, and the user's id. */
function idsIn(args: readonly unknown[]): LedgerDetail {
  const detail: LedgerDetail = {}
  for (const argument of args) {
    if (typeof argument !== 'object' || argument === null) continue
    const { id, userId } = argument as { id?: unknown; userId?: unknown }
    if (typeof id === 'string') detail.sessionId = id.slice(0, 8)
    if (typeof userId === 'string') detail.userId = userId
  }
  return detail
}

function outcomeOf(result: unknown): LedgerDetail {
  if (result === null) return { found: false }
  if (typeof result === 'string' || typeof result === 'number' || typeof result === 'boolean') return { result }
  if (typeof result !== 'object' || Array.isArray(result)) return {}
  const { revoked, isNew, user } = result as { revoked?: unknown; isNew?: unknown; user?: { id?: unknown } }
  return {
    ...(typeof revoked === 'string' && { revoked }),
    ...(typeof isNew === 'boolean' && { isNew }),
    ...(typeof user?.id === 'string' && { userId: user.id }),
  }
}

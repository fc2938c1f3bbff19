import { ignore, within } from './deadline.ts'
import { type Issued, isIssued, isPositive } from './service.ts'
import type { KeyValueStorage } from './wx.ts'

/** The session as the device keeps it. */
export interface ActiveSession<User> {
  issued: Issued<User>
  /** A hint by this phone's clock; the service's 401 decides. */
  expiresAtMs: number
  absoluteExpiresAtMs: number
}

/** Why there is no session and none may be made silently. */
export type SignOutReason = 'signed_out' | 'signed_out_elsewhere' | 'erased' | 'admin'

export type StoredState<User> =
  | { active: ActiveSession<User>; signedOut?: never }
  | { active?: never; signedOut: SignOutReason }

/** What a stored value must agree on to be ours: sessions of another service, app or version are left alone. */
export interface Scope {
  baseUrl: string
  appid: string
  envVersion: string
}

/** Reads and writes never fail: without a storage the session lives in memory. */
export interface SessionStorage<User> {
  read(): Promise<StoredState<User> | null>
  write(state: StoredState<User> | null): Promise<void>
}

/** A storage that does not answer is given up, so that it cannot keep a user from signing in. */
const STORAGE_TIMEOUT_MS = 2_000

const FORMAT = 1
const SCOPE = ['baseUrl', 'appid', 'envVersion'] as const

type StoredRecord<User> = Scope & { format: number; active?: ActiveSession<User>; signedOut?: SignOutReason }

export function createSessionStorage<User>(
  storage: KeyValueStorage,
  key: string,
  scope: () => Scope,
  log: (message: string) => void,
): SessionStorage<User> {
  let lastWrite: Promise<void> = Promise.resolve()

  function answered<T>(work: () => Promise<T>): Promise<T | null> {
    return within<T | null>(STORAGE_TIMEOUT_MS, new Promise((resolve) => resolve(work())), () => {
      throw new Error()
    })
  }

  return {
    async read() {
      try {
        return parse<User>(await answered(() => storage.get(key)), scope())
      } catch {
        // "Not found" is a failure in wx, and the usual one.
        return null
      }
    },

    // One after the other, because two writes under way may land in either order.
    write(state) {
      const write = lastWrite
        .then(() =>
          answered(() =>
            state ? storage.set(key, Object.assign({ format: FORMAT }, scope(), state)) : storage.remove(key),
          ),
        )
        .then(ignore, () => log('storage failed: the session lives in memory'))
      lastWrite = write
      return write
    },
  }
}

function parse<User>(value: unknown, scope: Scope): StoredState<User> | null {
  const stored = value as StoredRecord<User>
  const isOurs = stored.format === FORMAT && SCOPE.every((name) => stored[name] === scope[name])
  if (!isOurs) return null
  const { active, signedOut } = stored
  if (signedOut) return { signedOut }
  if (!active || !isIssued<User & { isNew?: boolean }>(active.issued)) return null
  if (!isPositive(active.expiresAtMs) || !isPositive(active.absoluteExpiresAtMs)) return null
  // New is a user once, in the answer to the first sign-in.
  if (active.issued.user.isNew) active.issued.user.isNew = false
  return { active }
}

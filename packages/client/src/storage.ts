import type { KeyValueStorage, LogoutReason } from './contract.ts'
import { within } from './deadline.ts'
import { type Issued, isIssued } from './service.ts'

/** The session as this device keeps it. */
export interface ActiveSession<User> extends Issued<User> {
  /** Milliseconds since 1970 by this phone's clock. Only a hint; the service's 401 decides. */
  expiresAtMs: number
  absoluteExpiresAtMs: number
  /** Made by `loginWith`: only the user can make another one. */
  isOwn?: boolean
}

/** What this device knows, in memory and in the storage. */
export type SessionState<User> = SignedIn<User> | SignedOut | Neither

/** Somebody is signed in. */
interface SignedIn<User> {
  active: ActiveSession<User>
  signedOut?: undefined
  id?: undefined
  isRenewable?: undefined
}

/** Somebody signed out, or was signed out for good: no silent login may follow. */
interface SignedOut {
  active?: undefined
  signedOut: LogoutReason
  /** Unique for each sign-out. */
  id: string | undefined
  isRenewable?: undefined
}

/** A silent login may follow. */
interface Neither {
  active?: undefined
  signedOut?: undefined
  id?: undefined
  /** Whether there was a session before, which ended in another way than by a sign-out. */
  isRenewable?: boolean
}

/** Reads and writes never fail: without a working storage the session lives in memory only. */
export interface SessionStorage<User> {
  /** Reads, after our own writes have settled. */
  read(): Promise<SessionState<User>>
  write(state: SessionState<User>): Promise<unknown>
}

/** How long a storage may take to answer. A silent storage must not keep a user from signing in. */
export const STORAGE_TIMEOUT_MS = 2_000

/** @param scope what a stored value must name to be read: the service, the app and the version it is for */
export function createSessionStorage<User>(
  storage: KeyValueStorage,
  key: string,
  scope: () => string,
): SessionStorage<User> {
  let newest: SessionState<User> = {}
  /** All writes under way; it never rejects. Null: there are none. */
  let writing: Promise<unknown> | null = null
  /** The id of what stands in the storage, as far as we know. */
  let storedId = ''

  async function read(): Promise<SessionState<User>> {
    if (writing) await writing
    const found = parse<User>(await storage.get(key), scope())
    storedId = idOf(found)
    return found
  }

  async function write(state: SessionState<User>): Promise<void> {
    newest = state
    const id = idOf(state)
    try {
      if (id) await storage.set(key, Object.assign({ scope: scope() }, state))
      else await storage.remove(key)
      storedId = id
    } catch {
      // The storage may still hold a session that has ended and would come back at the next start: it is removed. An older
      // copy of the same session may stay.
      if (state === newest && (!storedId || storedId !== id)) await storage.remove(key)
    }
    // Two writes under way may land in either order, and one that was given up may land late.
    if (state !== newest) await write(newest)
  }

  /** A storage that does not answer in time, or not at all, has nothing. "Not found" is a failure in `wx`, too. */
  function inTime<T>(work: Promise<T>, nothing: T): Promise<T> {
    return within(STORAGE_TIMEOUT_MS, work, () => nothing).catch(() => nothing)
  }

  return {
    read: () => inTime<SessionState<User>>(read(), {}),
    write(state) {
      const before = writing
      const all = inTime<unknown>(write(state), null)
        .then(() => before)
        .then(() => {
          if (writing === all) writing = null
        })
      writing = all
      return all
    },
  }
}

/** What tells a state from all others that were ever stored. Empty for a state with nothing to store. */
export function idOf({ active, signedOut, id = signedOut, isRenewable }: SessionState<unknown>): string {
  return active ? active.token : id || (isRenewable ? 'renewable' : '')
}

function parse<User>(value: unknown, expectedScope: string): SessionState<User> {
  const { scope, active, signedOut, id, isRenewable } = value as {
    scope?: unknown
    active?: unknown
    signedOut?: LogoutReason
    id?: string
    isRenewable?: unknown
  }
  if (scope !== expectedScope) return {}
  if (signedOut) return { signedOut, id }
  if (!isIssued<ActiveSession<User & { isNew?: boolean }>>(active)) return { isRenewable: !!isRenewable }
  // A user is new only in the answer to the first sign-in.
  if (active.user.isNew) active.user.isNew = false
  return { active }
}

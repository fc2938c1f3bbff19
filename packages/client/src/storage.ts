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

/**
 * What this device knows, in memory and in the storage: somebody is signed in, or signed out (and no silent login may
 * follow), or neither (a silent login may follow).
 */
export type SessionState<User> =
  | { active: ActiveSession<User>; signedOut?: undefined }
  | { active?: undefined; signedOut: LogoutReason }
  | { active?: undefined; signedOut?: undefined }

/** Reads and writes never fail: without a working storage the session lives in memory only. */
export interface SessionStorage<User> {
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
  /** The token in the storage, as far as we know. */
  let storedToken: string | null = null

  async function read(): Promise<SessionState<User>> {
    const found = parse<User>(await storage.get(key), scope())
    storedToken = tokenOf(found)
    return found
  }

  async function write(state: SessionState<User>): Promise<void> {
    newest = state
    try {
      if (state.active || state.signedOut) await storage.set(key, Object.assign({ scope: scope() }, state))
      else await storage.remove(key)
      storedToken = tokenOf(state)
    } catch {
      // What is still in the storage has ended and would come back at the next start; an older copy of the same session may.
      if (state === newest && (!storedToken || storedToken !== tokenOf(state))) await storage.remove(key)
    }
    // Two writes under way may land in either order, and one that was given up may land late.
    if (state !== newest) await write(newest)
  }

  return {
    // "Not found" is a failure in `wx`, and the usual one.
    read: () => within<SessionState<User>>(STORAGE_TIMEOUT_MS, read(), () => ({})).catch(() => ({})),
    write: (state) => within<unknown>(STORAGE_TIMEOUT_MS, write(state), () => null).catch(() => null),
  }
}

function tokenOf({ active }: SessionState<unknown>): string | null {
  return active ? active.token : null
}

function parse<User>(value: unknown, expectedScope: string): SessionState<User> {
  const { scope, active, signedOut } = value as {
    scope?: unknown
    active?: unknown
    signedOut?: LogoutReason
  }
  if (scope !== expectedScope) return {}
  if (signedOut) return { signedOut }
  if (!isIssued<ActiveSession<User & { isNew?: boolean }>>(active)) return {}
  // A user is new only in the answer to the first sign-in.
  if (active.user.isNew) active.user.isNew = false
  return { active }
}

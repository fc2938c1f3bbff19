import type { RevocationReason } from '@weapp-auth/shared'
import { within } from './deadline.ts'
import { type Issued, isIssued } from './service.ts'
import type { KeyValueStorage } from './wx.ts'

/** The session as the device keeps it. */
export interface ActiveSession<User> extends Issued<User> {
  /** A hint by this phone's clock; the service's 401 decides. */
  expiresAtMs: number
  absoluteExpiresAtMs: number
  /** Made by `loginWith`: nothing but the user can make another one like it. */
  isOwn?: boolean
}

/** Why there is no session and none may be made silently; `expired` is the end of one made by `loginWith`. */
export type SignOutReason = RevocationReason | 'expired'

export type StoredState<User> =
  | { active: ActiveSession<User>; signedOut?: never }
  | { active?: never; signedOut: SignOutReason }

/** Reads and writes never fail: without a storage the session lives in memory. */
export interface SessionStorage<User> {
  read(): Promise<StoredState<User> | null>
  write(state: StoredState<User> | null): Promise<unknown>
}

/** A storage that does not answer is given up, so that it cannot keep a user from signing in. */
export const STORAGE_TIMEOUT_MS = 2_000

type StoredRecord<User> = { scope: string; active?: ActiveSession<User>; signedOut?: SignOutReason }

/** @param scope what a stored value must agree on to be ours: another service's, app's or version's is not read */
export function createSessionStorage<User>(
  storage: KeyValueStorage,
  key: string,
  scope: () => string,
): SessionStorage<User> {
  let newest: StoredState<User> | null
  let kept: string | undefined

  async function read(): Promise<StoredState<User> | null> {
    const found = parse<User>(await storage.get(key), scope())
    kept = tokenOf(found)
    return found
  }

  async function write(state: StoredState<User> | null): Promise<void> {
    newest = state
    try {
      if (state) await storage.set(key, Object.assign({ scope: scope() }, state))
      else await storage.remove(key)
      kept = tokenOf(state)
    } catch {
      // What is still there would come back at the next start, although it ended; the same session may.
      if (state === newest && (!kept || kept !== tokenOf(state))) await storage.remove(key)
    }
    // Two writes under way may land in either order, and one that was given up may land late.
    if (state !== newest) await write(newest)
  }

  /** "Not found" is a failure in wx, and the usual one. */
  function answered<T>(work: Promise<T>): Promise<T | null> {
    return within<T | null>(STORAGE_TIMEOUT_MS, work, () => null).catch(() => null)
  }

  return {
    read: () => answered(read()),
    write: (state) => answered(write(state)),
  }
}

function tokenOf(state: StoredState<unknown> | null): string | undefined {
  const { active } = state || {}
  return active ? active.token : undefined
}

function parse<User>(value: unknown, scope: string): StoredState<User> | null {
  const { scope: storedScope, active, signedOut } = value as StoredRecord<User & { isNew?: boolean }>
  if (storedScope !== scope) return null
  if (signedOut) return { signedOut }
  if (!isIssued<ActiveSession<User & { isNew?: boolean }>>(active)) return null
  // New is a user once, in the answer to the first sign-in.
  if (active.user.isNew) active.user.isNew = false
  return { active }
}

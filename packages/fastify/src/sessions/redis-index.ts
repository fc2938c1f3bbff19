import { ApiError } from '../api-error.ts'
import { INCOMPLETE, type SessionScripts } from './redis-scripts.ts'
import type { Moment } from './session-store.ts'

/** A session in the index of its user. */
export interface IndexEntry {
  id: string
  expiresAtMs: number
}

/** The index of a user: ids and expiries of the sessions, in the order of expiry. */
export interface SessionIndex {
  entries: IndexEntry[]
  /** Until this time the index may lack live sessions, because it was evicted and made anew. 0: it lacks none. */
  incompleteUntilMs: number
}

/** Reads the index of a user. */
export async function readIndex(scripts: SessionScripts, key: string): Promise<SessionIndex> {
  const flat = await scripts.weappAuthEntries(key)
  const members = flat.flatMap((id, i) => (i % 2 === 0 ? { id, expiresAtMs: Number(flat[i + 1]) } : []))
  return {
    entries: members.filter(({ id }) => id !== INCOMPLETE),
    incompleteUntilMs: members.find(({ id }) => id === INCOMPLETE)?.expiresAtMs ?? 0,
  }
}

/** @throws ApiError `store_unavailable` when the index may lack sessions */
export function checkWhole({ incompleteUntilMs }: SessionIndex, { nowMs }: Pick<Moment, 'nowMs'>): void {
  if (incompleteUntilMs > nowMs) throw indexWasEvicted()
}

/** The error for a user who may have live sessions that cannot be found. */
export function indexWasEvicted(): ApiError {
  const message =
    "the list of this user's sessions was evicted from Redis, and there may be sessions that are not in it"
  return new ApiError('store_unavailable', `${message}: set maxmemory-policy to noeviction`, { retryAfterSeconds: 60 })
}

import { createRecentReads, type RecentReads } from '../recent-reads.ts'
import type { User, UserStore } from './users.ts'

/** A client that was told that its session lives does not ask again for at least 10 s. */
const GOOD_FOR_MS = 10_000
/** About 10 MB. */
const MAX_USERS = 10_000

/** Users as they were read within the last 10 s, by their ids. `forget` is to be called when a user was changed. */
export type RecentUsers = RecentReads<User>

/** @param o.now milliseconds since 1970 */
export function createRecentUsers({ users, now }: { users: UserStore; now: () => number }): RecentUsers {
  return createRecentReads({
    read: (userId) => users.findUser(userId),
    goodForMs: GOOD_FOR_MS,
    maxEntries: MAX_USERS,
    now,
  })
}

import type { User, UserStore } from './users.ts'

/** A client that was told that its session lives does not ask again for at least 10 s. */
const GOOD_FOR_MS = 10_000
/** About 10 MB. Of more users the one read longest ago is read again. */
const MAX_USERS = 10_000

/** Users as they were read a moment ago, so that a question which is asked again and again does not cost SQL each time. */
export interface RecentUsers {
  /** The user, as read within the last 10 s; null when there is none. Calls at the same time ask the store once. */
  find(userId: string): Promise<User | null>
  /** To be called when the user was changed: the next `find` reads it anew. */
  forget(userId: string): void
}

/** @param o.now milliseconds since 1970 */
export function createRecentUsers({ users, now }: { users: UserStore; now: () => number }): RecentUsers {
  const recent = new Map<string, { user: Promise<User | null>; readAtMs: number }>()

  return {
    find(userId) {
      const known = recent.get(userId)
      // Checks both ends of the period, because the clock may have been put back.
      if (known && now() >= known.readAtMs && now() < known.readAtMs + GOOD_FOR_MS) return known.user
      recent.delete(userId)
      const oldest = recent.size >= MAX_USERS ? recent.keys().next().value : undefined
      if (oldest !== undefined) recent.delete(oldest)
      const entry = { user: users.findUser(userId), readAtMs: now() }
      recent.set(userId, entry)
      const forgetEntry = () => {
        if (recent.get(userId) === entry) recent.delete(userId)
      }
      entry.user.then((user) => {
        if (!user) forgetEntry()
      }, forgetEntry)
      return entry.user
    },
    forget(userId) {
      recent.delete(userId)
    },
  }
}

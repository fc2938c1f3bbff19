/** What was read a moment ago, so that a question which is asked again and again does not cost SQL each time. */
export interface RecentReads<T> {
  /** What `read` answers, or has answered a moment ago; null when there is nothing. Calls at the same time ask once. */
  find(key: string): Promise<T | null>
  /** To be called when it was changed: the next `find` reads it anew. */
  forget(key: string): void
}

/** Options of {@link createRecentReads}. */
export interface RecentReadsOptions<T> {
  read(key: string): Promise<T | null>
  /** For how long an answer is given again, in milliseconds. "There is nothing", and a failure, are never given again. */
  goodForMs: number
  /** Of more than so many keys the one that was read longest ago is read again. */
  maxEntries: number
  /** Milliseconds since 1970. */
  now: () => number
}

/** Remembers answers for a while. */
export function createRecentReads<T>({ read, goodForMs, maxEntries, now }: RecentReadsOptions<T>): RecentReads<T> {
  const recent = new Map<string, { answer: Promise<T | null>; readAtMs: number }>()

  return {
    find(key) {
      const known = recent.get(key)
      // Checks both ends of the period, because the clock may have been put back.
      if (known && now() >= known.readAtMs && now() < known.readAtMs + goodForMs) return known.answer
      recent.delete(key)
      const oldest = recent.size >= maxEntries ? recent.keys().next().value : undefined
      if (oldest !== undefined) recent.delete(oldest)
      const entry = { answer: read(key), readAtMs: now() }
      recent.set(key, entry)
      const forgetEntry = () => {
        if (recent.get(key) === entry) recent.delete(key)
      }
      entry.answer.then((found) => {
        if (found === null) forgetEntry()
      }, forgetEntry)
      return entry.answer
    },
    forget(key) {
      recent.delete(key)
    },
  }
}

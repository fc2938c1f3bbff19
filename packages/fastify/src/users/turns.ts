/** Runs work one after the other where it has the same key. */
export type TakeTurns = <T>(key: string, work: () => Promise<T>) => Promise<T>

/**
 * Calls with the same key wait for each other here and not in the database, where each of them would hold a connection of
 * the pool: one locked row, and nobody else's statement would find a connection.
 *
 * @param maxWaitMs a call that has waited for so long fails
 * @param late what it fails with
 */
export function createTurns(maxWaitMs: number, late: () => Error): TakeTurns {
  /** By key: settles, and never rejects, when all work with this key is over. No entry: nothing with this key is under way. */
  const busy = new Map<string, Promise<unknown>>()
  return (key, work) => {
    const before = busy.get(key)
    const mine = before ? waitFor(before).then(work) : work()
    const free = () => {
      if (busy.get(key) === over) busy.delete(key)
    }
    // A call that gave up waiting must not let the next one start before the work that still runs.
    const over: Promise<unknown> = before ? Promise.allSettled([before, mine]).then(free) : mine.then(free, free)
    busy.set(key, over)
    return mine
  }

  function waitFor(before: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(late()), maxWaitMs)
      void before.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

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
  /** Settles, and never rejects, when everything with this key is over; an absent key is free. */
  const busy = new Map<string, Promise<unknown>>()
  return (key, work) => {
    const before = busy.get(key)
    const mine = before ? waitFor(before).then(work) : work()
    const free = () => {
      if (busy.get(key) === over) busy.delete(key)
    }
    // What gave up waiting must not let the next one overtake those that still run.
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

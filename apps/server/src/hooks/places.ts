/** Limits how much work runs at the same time. */
export interface Places {
  /** Runs `work` as soon as there is a place. @throws what `full` makes when too much waits, or no place gets free in time */
  run<T>(work: () => Promise<T>): Promise<T>
}

/** Options of {@link createPlaces}. */
export interface PlacesOptions {
  /** How many run at the same time. */
  count: number
  /** How many more may wait. */
  maxWaiting: number
  maxWaitMs: number
  full: () => Error
}

/** Places that are given in the order in which they were asked for. */
export function createPlaces({ count, maxWaiting, maxWaitMs, full }: PlacesOptions): Places {
  let free = count
  const waiting = new Set<() => void>()

  return {
    async run(work) {
      if (free > 0) free--
      else await wait()
      try {
        return await work()
      } finally {
        const [next] = waiting
        // The place goes straight to the work that has waited longest, so that no new work takes it.
        if (next) next()
        else free++
      }
    },
  }

  function wait(): Promise<void> {
    if (waiting.size >= maxWaiting) return Promise.reject(full())
    return new Promise((resolve, reject) => {
      const take = () => {
        clearTimeout(timer)
        waiting.delete(take)
        resolve()
      }
      const timer = setTimeout(() => {
        waiting.delete(take)
        reject(full())
      }, maxWaitMs)
      waiting.add(take)
    })
  }
}

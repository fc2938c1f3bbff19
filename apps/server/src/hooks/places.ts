/** A bounded number of places for work that waits for somebody else. */
export interface Places {
  /** Runs `work` in a place, for which it waits for a moment. @throws what `full` makes when there is none */
  run<T>(work: () => Promise<T>): Promise<T>
}

/** Options of {@link createPlaces}. */
export interface PlacesOptions {
  /** How much runs at once. */
  count: number
  /** How much more may wait. */
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
        // The place goes from one to the next, and is never free in between.
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

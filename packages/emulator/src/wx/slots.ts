/** A limited number of places, given out in order of arrival. */
export interface Slots {
  /** Waits for a place and answers what gives it back; rejects when `signal` is aborted first. */
  take(signal: AbortSignal): Promise<() => void>
}

export function createSlots(count: number): Slots {
  const queue: (() => void)[] = []
  let free = count

  function giveBack(): void {
    const next = queue.shift()
    if (next) next()
    else free++
  }

  return {
    async take(signal) {
      if (free > 0) free--
      else await waitForPlace(signal)
      return giveBack
    },
  }

  function waitForPlace(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        queue.splice(queue.indexOf(enter), 1)
        reject(signal.reason)
      }
      const enter = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      queue.push(enter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
}

import type { Clock } from '../clock.ts'
import type { AppThread } from '../wx/app-thread.ts'

/** The app's `setTimeout` and its kin: they follow the phone's clock and run on the app's thread. */
export interface AppTimers {
  globals: Record<'setTimeout' | 'setInterval' | 'clearTimeout' | 'clearInterval', unknown>
  /** Whether a `setTimeout` of the app comes due within `ms`. Intervals do not count: they never end. */
  dueWithin(ms: number): boolean
  clearAll(): void
}

interface Timer {
  clockId: number
  dueMs: number
  repeats: boolean
}

export function createAppTimers(clock: Clock, thread: AppThread): AppTimers {
  const timers = new Map<number, Timer>()
  let nextId = 1

  function start(callback: unknown, delayMs: unknown, args: unknown[], repeats: boolean): number {
    if (typeof callback !== 'function') throw new TypeError('the first argument of a timer must be a function')
    const id = nextId++
    // Browsers let no interval run faster than this.
    const delay = Math.max(Number(delayMs) || 0, repeats ? 4 : 0)
    const arm = () => {
      timers.set(id, { clockId: clock.setTimeout(fire, delay), dueMs: clock.now() + delay, repeats })
    }
    const fire = () => {
      // Advancing a clock fires timers synchronously; what they do must still follow the app's pending callbacks.
      thread.post(() => {
        if (!timers.has(id)) return
        if (repeats) arm()
        else timers.delete(id)
        callback(...args)
      })
    }
    arm()
    return id
  }

  function clear(id: unknown): void {
    const timer = timers.get(Number(id))
    if (!timer) return
    clock.clearTimeout(timer.clockId)
    timers.delete(Number(id))
  }

  return {
    globals: {
      setTimeout: (callback: unknown, delayMs: unknown, ...args: unknown[]) => start(callback, delayMs, args, false),
      setInterval: (callback: unknown, delayMs: unknown, ...args: unknown[]) => start(callback, delayMs, args, true),
      clearTimeout: clear,
      clearInterval: clear,
    },
    dueWithin: (ms) => [...timers.values()].some(({ dueMs, repeats }) => !repeats && dueMs - clock.now() <= ms),
    clearAll() {
      for (const id of [...timers.keys()]) clear(id)
    },
  }
}

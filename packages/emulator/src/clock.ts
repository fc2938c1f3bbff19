/** Time as one phone or one WeChat sees it. Every wait of the emulator goes through one of these. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  setTimeout(fn: () => void, delayMs: number): number
  clearTimeout(id: number): void
  /**
   * Moves the clock on and fires what became due, in order; while a timer runs, `now()` is that timer's own due time.
   *
   * @throws RangeError for what is no number of milliseconds from 0 on, or leads beyond what a `Date` can be
   */
  advance(ms: number): void
}

/** Options of `createClock`. */
export interface ClockOptions {
  /** Default: the real time. */
  startMs?: number
  /** Default true: real time plus whatever was advanced. False: stands still until it is advanced. */
  running?: boolean
}

interface Timer {
  id: number
  dueMs: number
  fn: () => void
}

/** The last moment a JavaScript `Date` can name. */
const LATEST_MS = 8.64e15

/** Beyond this a host timer fires at once (a signed 32-bit number of milliseconds). */
const LONGEST_HOST_DELAY_MS = 2 ** 31 - 1

// Read once: a test that replaces the global timers must not stop a running clock.
const { setTimeout: hostSetTimeout, clearTimeout: hostClearTimeout } = globalThis
const monotonicMs = performance.now.bind(performance)

/** A clock that runs with real time, or one that stands still until a test advances it. */
export function createClock({ startMs = Date.now(), running = true }: ClockOptions = {}): Clock {
  const createdMs = monotonicMs()
  const timers = new Map<number, Timer>()
  let nextId = 1
  let advancedMs = 0
  let firingAtMs: number | null = null
  let wake: ReturnType<typeof setTimeout> | undefined

  const elapsedMs = () => (running ? monotonicMs() - createdMs : 0)
  const now = () => firingAtMs ?? Math.floor(startMs + advancedMs + elapsedMs())

  function earliest(): Timer | null {
    let first: Timer | null = null
    for (const timer of timers.values()) if (first === null || timer.dueMs < first.dueMs) first = timer
    return first
  }

  function arm(): void {
    if (!running) return
    hostClearTimeout(wake)
    const next = earliest()
    if (next) wake = hostSetTimeout(fireDue, Math.min(Math.max(next.dueMs - now(), 0), LONGEST_HOST_DELAY_MS))
  }

  function fireDue(): void {
    const nowMs = now()
    try {
      fire(nowMs, nowMs)
    } finally {
      arm()
    }
  }

  function fire(fromMs: number, untilMs: number): void {
    try {
      for (let next = earliest(); next && next.dueMs <= untilMs; next = earliest()) {
        timers.delete(next.id)
        // Of a timer that is late, now() must not go back to when it was due.
        firingAtMs = Math.max(next.dueMs, fromMs)
        next.fn()
      }
    } finally {
      firingAtMs = null
    }
  }

  return {
    now,
    setTimeout(fn, delayMs) {
      const id = nextId++
      timers.set(id, { id, dueMs: now() + Math.max(delayMs || 0, 0), fn })
      arm()
      return id
    },
    clearTimeout(id) {
      if (timers.delete(id)) arm()
    },
    advance(ms) {
      if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`a clock only moves forward: advance(${ms})`)
      if (firingAtMs !== null) throw new Error('advance() was called by a timer of the same clock')
      const fromMs = now()
      if (fromMs + ms > LATEST_MS) throw new RangeError(`advance(${ms}) leads beyond what a date can be`)
      try {
        fire(fromMs, fromMs + ms)
      } finally {
        advancedMs += ms
        arm()
      }
    },
  }
}

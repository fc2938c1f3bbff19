/**
 * The one thread a mini-program's code runs on: everything WeChat calls in the app goes through it.
 *
 * Each task is a macrotask of its own, so no callback is ever synchronous and promises settle between two callbacks.
 * While the app is suspended tasks wait; after a restart those of the app's former life are dropped.
 */
export interface AppThread {
  /** Runs `task` later; what it throws is reported, never thrown. */
  post(task: () => void): void
  /** Runs `task` now, with the same protection. */
  run(task: () => void): void
  /** Marks a call that will come back; returns what ends the mark. */
  track(): () => void
  /** Calls in flight and tasks not yet run. */
  pending(): number
  /** Resolves when nothing is pending, nor becomes so by what just ran. */
  idle(): Promise<void>
  suspend(): void
  resume(): void
  readonly suspended: boolean
  /** The app's process is new: nothing of the old one comes back. */
  restart(): void
}

// Read once: a test that replaces the global timers must not stop the thread. Browsers have no setImmediate.
const macrotask: (task: () => void) => unknown =
  typeof setImmediate === 'function'
    ? setImmediate
    : (
        (hostSetTimeout) => (task) =>
          hostSetTimeout(task, 0)
      )(setTimeout)

export function createAppThread(report: (error: unknown) => void): AppThread {
  let life = 0
  let pending = 0
  let suspended = false
  let held: (() => void)[] = []
  let waiting: (() => void)[] = []

  function run(task: () => void): void {
    try {
      task()
    } catch (error) {
      report(error)
    }
  }

  function track(): () => void {
    const ownLife = life
    let open = true
    pending++
    return () => {
      if (!open || ownLife !== life) return
      open = false
      pending--
      if (pending === 0) checkIdle()
    }
  }

  function checkIdle(): void {
    macrotask(() => {
      if (pending > 0) return
      const resolved = waiting
      waiting = []
      for (const resolve of resolved) resolve()
    })
  }

  function schedule(task: () => void): void {
    macrotask(() => {
      if (suspended) held.push(task)
      else task()
    })
  }

  return {
    run,
    track,
    post(task) {
      const ownLife = life
      const done = track()
      schedule(() => {
        if (ownLife !== life) return
        run(task)
        done()
      })
    },
    pending: () => pending,
    idle() {
      const idle = new Promise<void>((resolve) => waiting.push(resolve))
      if (pending === 0) checkIdle()
      return idle
    },
    suspend() {
      suspended = true
    },
    resume() {
      suspended = false
      const late = held
      held = []
      for (const task of late) schedule(task)
    },
    get suspended() {
      return suspended
    },
    restart() {
      life++
      pending = 0
      suspended = false
      held = []
      checkIdle()
    },
  }
}

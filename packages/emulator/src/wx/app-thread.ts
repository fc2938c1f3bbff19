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
  /** Opens a call that comes back later; what is returned ends it, once, with a last task. */
  open(): (task: () => void) => void
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
const { setTimeout: hostSetTimeout } = globalThis
const macrotask: (task: () => void) => unknown =
  typeof setImmediate === 'function' ? setImmediate : (task) => hostSetTimeout(task, 0)

export function createAppThread(report: (error: unknown) => void): AppThread {
  let life = 0
  let calls = 0
  let suspended = false
  let queue: (() => void)[] = []
  let waiting: (() => void)[] = []

  function run(task: () => void): void {
    try {
      task()
    } catch (error) {
      report(error)
    }
  }

  function post(task: () => void): void {
    queue.push(task)
    macrotask(runNext)
  }

  /** One task per turn. There may be more turns than tasks, never fewer while the app is not suspended. */
  function runNext(): void {
    if (suspended) return
    const task = queue.shift()
    if (!task) return
    run(task)
    checkIdle()
  }

  const pending = () => calls + queue.length

  function checkIdle(): void {
    if (pending() > 0 || waiting.length === 0) return
    // A turn later: what the last task resolved may begin the next call.
    macrotask(() => {
      if (pending() > 0) return
      const idle = waiting
      waiting = []
      for (const resolve of idle) resolve()
    })
  }

  return {
    run,
    post,
    open() {
      const ownLife = life
      let isOpen = true
      calls++
      return (task) => {
        if (!isOpen || ownLife !== life) return
        isOpen = false
        calls--
        post(task)
      }
    },
    pending,
    idle() {
      const idle = new Promise<void>((resolve) => waiting.push(resolve))
      checkIdle()
      return idle
    },
    suspend() {
      suspended = true
    },
    resume() {
      if (!suspended) return
      suspended = false
      for (const _task of queue) macrotask(runNext)
    },
    get suspended() {
      return suspended
    },
    restart() {
      life++
      calls = 0
      queue = []
      suspended = false
      checkIdle()
    },
  }
}

import type { Task } from './wx-api.ts'

/** Calls `onEnd` after `delayMs`. Returns a function that cancels this. */
export function after(delayMs: number, onEnd: () => void): () => void {
  let atEnd = onEnd
  const timer = setTimeout(() => atEnd(), delayMs)
  return () => {
    clearTimeout(timer)
    // A timer that became due while the app was in the background may still fire.
    atEnd = ignore
  }
}

/** A span of time that closes by itself. */
export interface TimeWindow {
  isOpen(): boolean
  /** Opens it. Returns false, and changes nothing, when it is open. */
  open(): boolean
  /** Closes it early. The next span has the first length again. */
  close(): void
}

/**
 * @param firstMs how long it stays open the first time
 * @param longestMs each time it stays open twice as long as before, up to this
 */
export function createWindow(firstMs: number, longestMs = firstMs): TimeWindow {
  let isOpen = false
  let lengthMs = firstMs
  let cancel = ignore

  return {
    isOpen: () => isOpen,
    open() {
      if (isOpen) return false
      isOpen = true
      cancel = after(lengthMs, () => {
        isOpen = false
      })
      lengthMs = Math.min(lengthMs * 2, longestMs)
      return true
    },
    close() {
      cancel()
      isOpen = false
      lengthMs = firstMs
    },
  }
}

/** Deadlines are counted in steps of this, so that time in the background, where timers stand still, counts one step. */
const STEP_MS = 1_000

/** Work that others wait for and that can be given up. */
export interface Underway<T> {
  outcome: Promise<T>
  isOver(): boolean
  /** Settles `outcome`. Only the first call counts. */
  settle(result: T | Promise<T>): void
  /** Settles `outcome` when `work` settles, in the same way. */
  follow(work: Promise<T>): void
  /** Settles `outcome` with `instead` and aborts the task. */
  abandon(instead: T | Promise<T>): void
  /** Says which task of `wx` does the work at the moment. */
  setTask(task: unknown): void
  /** Takes the time limit away. */
  liftLimit(): void
  /** Gives it the whole time limit again, from now on. */
  restartLimit(): void
}

/** @param limitMs of foreground time, after which `onLate` is called unless the work is over; 0 for no limit */
export function begin<T>(limitMs: number, onLate: () => void): Underway<T> {
  let resolve: (result: T | Promise<T>) => void = ignore
  let isOver = false
  let task: Partial<Task> = {}
  let cancel = ignore
  const outcome = new Promise<T>((settle) => {
    resolve = settle
  })

  function wait(leftMs: number): void {
    cancel = after(Math.min(leftMs, STEP_MS), () => (leftMs > STEP_MS ? wait(leftMs - STEP_MS) : onLate()))
  }

  function settle(result: T | Promise<T>): void {
    cancel()
    isOver = true
    // A promise takes only its first result.
    resolve(result)
  }

  if (limitMs) wait(limitMs)
  return {
    outcome,
    isOver: () => isOver,
    settle,
    follow(work) {
      const settleLikeIt = () => settle(work)
      work.then(settleLikeIt, settleLikeIt)
    },
    abandon(instead) {
      const wasOver = isOver
      settle(instead)
      if (wasOver) return
      try {
        if (task.abort) task.abort()
      } catch {
        // It cannot be aborted; its outcome is ignored all the same.
      }
    },
    setTask(started) {
      task = Object(started) as Partial<Task>
    },
    liftLimit: () => cancel(),
    restartLimit() {
      cancel()
      if (limitMs && !isOver) wait(limitMs)
    },
  }
}

/** Settles as `work` does, or after `limitMs` with what `late` returns. What `work` does after that is ignored. */
export function within<T>(limitMs: number, work: Promise<T>, late: () => T | Promise<T>): Promise<T> {
  const { outcome, settle, follow } = begin<T>(limitMs, () => settle(late()))
  follow(work)
  return outcome
}

/** Does nothing; for promises whose outcome is handled elsewhere. */
export function ignore(): void {}

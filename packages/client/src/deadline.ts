import type { Task } from './wx.ts'

/** Calls `late` in `delayMs`; returns what prevents that. */
export function after(delayMs: number, late: () => void): () => void {
  let onEnd = late
  const timer = setTimeout(() => onEnd(), delayMs)
  return () => {
    clearTimeout(timer)
    // One that came due in the background is only waiting for its turn.
    onEnd = ignore
  }
}

/** A phone that was put away comes back to the end of one step, not to a deadline that passed while it slept. */
const STEP_MS = 1_000

/** Something under way that others wait for, and that can be given up. */
export interface Underway<T> {
  outcome: Promise<T>
  isOver(): boolean
  /** Settles `outcome`, the first time it is called. */
  end(result: T | Promise<T>): void
  /** Ends as `work` does, when it does. */
  follow(work: Promise<T>): void
  /** As `end`, and aborts what `use` got. */
  giveUp(instead: T | Promise<T>): void
  use(task: unknown): void
  /** Lifts the limit. */
  keep(): void
}

/** @param limitMs of foreground time, after which `onLate` is called unless it has ended; 0 for no limit */
export function start<T>(limitMs: number, onLate: () => void): Underway<T> {
  let settle: ((result: T | Promise<T>) => void) | null
  let task: Partial<Task> = {}
  let stop = ignore
  const outcome = new Promise<T>((resolve) => {
    settle = resolve
  })

  function wait(leftMs: number): void {
    stop = after(Math.min(leftMs, STEP_MS), () => (leftMs > STEP_MS ? wait(leftMs - STEP_MS) : onLate()))
  }

  function end(result: T | Promise<T>): void {
    stop()
    if (settle) settle(result)
    settle = null
  }

  if (limitMs) wait(limitMs)
  return {
    outcome,
    isOver: () => !settle,
    end,
    follow(work) {
      const ended = () => end(work)
      work.then(ended, ended)
    },
    giveUp(instead) {
      const isFirst = settle
      end(instead)
      if (isFirst && task.abort) task.abort()
    },
    use(started) {
      task = Object(started)
    },
    keep: () => stop(),
  }
}

/** Settles as `work` does, or after `limitMs` with what `late` returns; what `work` does later is ignored. */
export function within<T>(limitMs: number, work: Promise<T>, late: () => T | Promise<T>): Promise<T> {
  const { outcome, end, follow } = start<T>(limitMs, () => end(late()))
  follow(work)
  return outcome
}

/** For a promise whose outcome somebody else looks at. */
export function ignore(): void {}

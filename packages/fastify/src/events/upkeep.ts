import { createSteadyClock } from '../steady-clock.ts'
import type { EventStore } from './event-store.ts'
import { FORGET_AFTER_MS } from './recorder.ts'

const EVERY_MS = 60_000
/** The most events that one statement deletes, so that it locks nothing for long. */
const STEP = 500
/** Between two steps. */
const PAUSE_MS = 50
const DAY_MS = 86_400_000

/** What {@link startUpkeep} is made of. */
export interface UpkeepDeps {
  store: Pick<EventStore, 'deleteBefore' | 'forgetErased' | 'queue'>
  /** How long events are kept. */
  days: number
  /** Milliseconds since 1970. */
  now: () => number
  /** Says that the store is away, unless the log has said so in this second already. */
  warnAway: (reason: string, message: string) => void
}

/**
 * Once a minute: deletes old events, replaces the ids of users who were erased, and makes events due that a clock which was ahead
 * has put off. Several processes may do so at the same time.
 *
 * @returns a function that stops it
 */
export function startUpkeep({ store, days, now, warnAway }: UpkeepDeps): () => void {
  const steadyNow = createSteadyClock(now)
  let isStopped = false
  let timer = setTimeout(run, EVERY_MS).unref()
  return () => {
    isStopped = true
    clearTimeout(timer)
  }

  function run(): void {
    work()
      .catch((error: Error) => warnAway(error.message, 'old events were not deleted yet'))
      .finally(() => {
        if (!isStopped) timer = setTimeout(run, EVERY_MS).unref()
      })
  }

  async function work(): Promise<void> {
    await store.queue?.bringForward(now())
    const nowMs = steadyNow()
    await store.forgetErased(nowMs - FORGET_AFTER_MS)
    const before = nowMs - days * DAY_MS
    while (!isStopped && (await store.deleteBefore(before, STEP)) === STEP) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref())
    }
  }
}

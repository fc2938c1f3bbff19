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
  store: Pick<EventStore, 'deleteBefore' | 'forgetErased'>
  /** How long events are kept. */
  days: number
  /** Milliseconds since 1970. */
  now: () => number
  /** Says that the store is away, unless the log has said so in this second already. */
  warnAway: (reason: string, message: string) => void
}

/**
 * Deletes old events, and replaces the ids of users who were erased, once a minute. Several processes may do so at the same time.
 *
 * @returns a function that stops it
 */
export function startUpkeep({ store, days, now, warnAway }: UpkeepDeps): () => void {
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
    await store.forgetErased(now() - FORGET_AFTER_MS)
    const before = now() - days * DAY_MS
    while (!isStopped && (await store.deleteBefore(before, STEP)) === STEP) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref())
    }
  }
}

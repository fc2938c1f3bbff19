import { ApiError } from '../api-error.ts'
import type { AuthEvent, NewEvent } from './event.ts'
import { createEventId } from './event-id.ts'
import type { EventStore } from './event-store.ts'

/** How long after an event it is written. A killed process loses the events of no more than this time. */
const WRITE_AFTER_MS = 250
/** How long after an attempt that failed the next one is made. */
const TRY_AGAIN_MS = 1_000
/** Events that one call of the store writes. */
const BATCH = 1_000
/** The most events that are remembered while the store is away, about 5 MB. Further ones are lost and counted. */
const MAX_EVENTS = 10_000
/**
 * An event that could not be written for so long is lost and counted. This is shorter than {@link FORGET_AFTER_MS}, so no event of an
 * erased user is written after the user's id was replaced in the events.
 */
const MAX_AGE_MS = 45_000
/** How long a stop waits for the last events to be written. While the store is away it does not wait. */
const STOP_MS = 300
/** How long after an erasure the id of its user is replaced. */
export const FORGET_AFTER_MS = 60_000

/** Remembers an event, to be written soon. It never throws and nobody waits for it. */
export type RecordEvent = (event: NewEvent) => void

/** Writes events in batches, after the request that caused them was answered. */
export interface Recorder {
  record: RecordEvent
  /** Tries once to write the events that are left, for 300 ms at most. */
  close(): Promise<void>
}

/** What {@link createRecorder} is made of. */
export interface RecorderDeps {
  store: Pick<EventStore, 'append'>
  /** Milliseconds since 1970. */
  now: () => number
  warn: (fields: { lost: number }, message: string) => void
  /** Says that the store is away, unless the log has said so in this second already. */
  warnAway: (reason: string, message: string) => void
}

/** Remembers events until the store has them, {@link MAX_EVENTS} of them at most. */
export function createRecorder({ store, now, warn, warnAway }: RecorderDeps): Recorder {
  /** Oldest first. */
  let remembered: { event: AuthEvent; sinceMs: number }[] = []
  /** Events that were lost since the log last said so. */
  let lost = 0
  let timer: NodeJS.Timeout | undefined
  /** Null: nothing is being written. */
  let writing: Promise<void> | null = null
  let isAway = false

  return {
    record(event) {
      if (remembered.length >= MAX_EVENTS) {
        lost++
        return
      }
      const atMs = now()
      const { userId = null, otherUserId = null, data = {} } = event
      const stamped = { ...event, userId, otherUserId, data, id: createEventId(atMs), atMs }
      remembered.push({ event: stamped, sinceMs: performance.now() })
      timer ??= setTimeout(write, WRITE_AFTER_MS).unref()
    },

    async close() {
      clearTimeout(timer)
      const late = new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())
      if (!isAway) await Promise.race([writeLast(), late])
      lost += remembered.length
      if (lost > 0) warn({ lost }, 'events could not be written before the stop, and are lost')
    },
  }

  async function writeLast(): Promise<void> {
    await writing
    clearTimeout(timer)
    // Not started again: the store is closed next.
    timer = undefined
    await writeAll().catch(tell)
  }

  function write(): void {
    writing = writeAll()
      .then(() => {
        if (lost > 0) warn({ lost }, 'events could not be written for too long, and are lost')
        lost = 0
        isAway = false
      }, tell)
      .finally(() => {
        writing = null
        const waitMs = isAway ? TRY_AGAIN_MS : WRITE_AFTER_MS
        timer = remembered.length > 0 ? setTimeout(write, waitMs).unref() : undefined
      })
  }

  async function writeAll(): Promise<void> {
    while (remembered.length > 0) {
      dropOld()
      const batch = remembered.slice(0, BATCH)
      await append(batch.map(({ event }) => event))
      remembered = remembered.slice(batch.length)
    }
  }

  async function append(events: readonly AuthEvent[]): Promise<void> {
    try {
      await store.append(events)
    } catch (error) {
      if (!(error instanceof ApiError) || error.code === 'store_unavailable') throw error
      // The store refuses one of the events. Written one at a time, the others are stored.
      for (const event of events) {
        await store.append([event]).catch((refusal: unknown) => {
          if (!(refusal instanceof ApiError) || refusal.code === 'store_unavailable') throw refusal
          lost++
        })
      }
    }
  }

  function dropOld(): void {
    const oldestMs = performance.now() - MAX_AGE_MS
    const kept = remembered.filter(({ sinceMs }) => sinceMs >= oldestMs)
    lost += remembered.length - kept.length
    remembered = kept
  }

  /** Logs the first failure of an outage. */
  function tell(error: unknown): void {
    if (!isAway) warnAway((error as Error).message, 'events cannot be written, trying again')
    isAway = true
  }
}

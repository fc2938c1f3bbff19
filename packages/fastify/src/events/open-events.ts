import type { FastifyInstance } from 'fastify'
import type { OutageLog } from '../outage-log.ts'
import type { EventsOptions } from './event-store.ts'
import { createRecorder, type RecordEvent } from './recorder.ts'
import { startUpkeep } from './upkeep.ts'

/** 3 months: long enough for a complaint, and what the privacy notice promises. */
const DEFAULT_DAYS = 90
const MAX_DAYS = 36_500

/** What {@link openEvents} is given. */
export interface OpenEventsOptions extends EventsOptions {
  /** Milliseconds since 1970. */
  now: () => number
  /** Logs that a store is away, at most once a second. */
  outageLog: OutageLog
}

/**
 * Starts whatever writes, deletes and delivers events, until the application closes.
 *
 * @throws TypeError for wrong options
 */
export async function openEvents(app: FastifyInstance, options: OpenEventsOptions): Promise<RecordEvent> {
  const { store, days = DEFAULT_DAYS, onEvent, now, outageLog } = options
  if (!Number.isSafeInteger(days) || days < 1 || days > MAX_DAYS) {
    throw new TypeError(`events.days must be a whole number from 1 to ${MAX_DAYS}`)
  }
  if (onEvent && !store.queue) throw new TypeError('events.onEvent needs a store that was made with deliver: true')
  const warn = (fields: object, message: string) => app.log.warn(fields, message)
  const warnAway = (reason: string, message: string) =>
    outageLog.repeat('store_unavailable', (counted) => app.log.warn({ reason, ...counted }, message))
  const recorder = createRecorder({ store, now, warn, warnAway })
  const stopUpkeep = startUpkeep({ store, days, now, warnAway })
  const stopOutbox =
    onEvent && store.queue
      ? (await import('./outbox.ts')).startOutbox({ queue: store.queue, onEvent, now, warn, warnAway })
      : async () => {}
  app.addHook('onClose', async () => {
    stopUpkeep()
    await stopOutbox()
    await recorder.close()
  })
  return recorder.record
}

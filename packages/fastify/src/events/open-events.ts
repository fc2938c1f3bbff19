import type { FastifyInstance } from 'fastify'
import type { EventsOptions } from './event.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { startUpkeep } from './upkeep.ts'

/** 3 months: long enough for a complaint, and a promise in the privacy notice. */
const DEFAULT_DAYS = 90
const MAX_DAYS = 36_500

/**
 * Starts whatever writes, deletes and delivers events, until the application closes.
 *
 * @throws TypeError for wrong options
 */
export function openEvents(app: FastifyInstance, options: EventsOptions & { now: () => number }): Recorder['record'] {
  const { store, days = DEFAULT_DAYS, now } = options
  if (!Number.isSafeInteger(days) || days < 1 || days > MAX_DAYS) {
    throw new TypeError(`events.days must be a whole number from 1 to ${MAX_DAYS}`)
  }
  const warn = (fields: object, message: string) => app.log.warn(fields, message)
  const recorder = createRecorder({ store, now, warn })
  const stopUpkeep = startUpkeep({ store, days, now, warn })
  app.addHook('onClose', async () => {
    stopUpkeep()
    await recorder.close()
  })
  return recorder.record
}

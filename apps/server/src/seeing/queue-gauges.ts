import { Gauge, type Registry } from '@prometheus-io/client'
import type { EventQueue } from '@weapp-auth/fastify'

/**
 * Gauges of the events that `EVENTS_URL` has not taken. They are read from the database, so all processes say the same. While
 * the database is away they have no value.
 *
 * @returns reads them anew
 */
export function createQueueGauges(queue: Pick<EventQueue, 'inspect'>, registry: Registry): () => Promise<void> {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] })
  const undelivered = gauge(
    'weapp_auth_events_undelivered',
    'Events that wait for delivery; 10 000 at most are counted.',
  )
  const oldest = gauge(
    'weapp_auth_events_oldest_undelivered_seconds',
    'Age of the oldest event that waits for delivery.',
  )
  const givenUp = gauge('weapp_auth_events_given_up', 'Events that are not tried any more; 10 000 at most are counted.')
  return async () => {
    const state = await queue.inspect().catch(() => null)
    if (!state) {
      for (const each of [undelivered, oldest, givenUp]) each.remove()
      return
    }
    undelivered.set(state.undelivered)
    oldest.set(state.oldestAtMs === null ? 0 : Math.max(0, (Date.now() - state.oldestAtMs) / 1000))
    givenUp.set(state.givenUp)
  }
}

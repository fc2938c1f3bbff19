import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { Stores } from '../stores.ts'
import type { Metrics } from './metrics.ts'
import { observeStores } from './observed-stores.ts'

/** The metrics and traces of a running service. */
export interface Seeing {
  /** Null: there is no listener on which Prometheus could ask for them. */
  metrics: Metrics | null
  /** The same stores, with their calls in metrics and traces. */
  observe(stores: Stores): Stores
  /** Watches an application. Call it before the first route is added. */
  beforeRoutes(app: FastifyInstance): Promise<void>
  close(): Promise<void>
}

/** Decides what there is: metrics with a service listener, traces with an address to send them to. */
export type SeeingConfig = Pick<Config, 'service' | 'tracesTo' | 'redisUrl' | 'databaseUrl'>

/** Starts metrics and traces. Each of the two is loaded only when it is configured. */
export async function openSeeing(config: SeeingConfig, log: FastifyBaseLogger): Promise<Seeing> {
  const metrics = config.service ? (await import('./metrics.ts')).createMetrics() : null
  const traces = config.tracesTo === null ? null : (await import('./traces.ts')).openTraces(config, log)
  return {
    metrics,
    observe(stores) {
      const { queue } = stores.events.store
      if (queue) metrics?.watchQueue(queue)
      return observeStores(stores, metrics?.cache ?? { hits: 0, misses: 0 })
    },
    async beforeRoutes(app) {
      metrics?.watch(app)
      await traces?.watch(app)
    },
    async close() {
      metrics?.close()
      await traces?.close()
    },
  }
}

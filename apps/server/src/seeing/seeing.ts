import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { Stores } from '../stores.ts'
import type { Metrics } from './metrics.ts'
import { observeStores } from './observed-stores.ts'

/** What a running service lets others see of itself. */
export interface Seeing {
  /** Null: there is no listener that would answer them. */
  metrics: Metrics | null
  /** The same stores; what is asked of them is seen. */
  observe(stores: Stores): Stores
  /** Watches an application. To be called before its first route. */
  beforeRoutes(app: FastifyInstance): Promise<void>
  close(): Promise<void>
}

/** What is looked at: metrics where there is a listener for them, traces where there is somebody to send them to. */
export type SeeingConfig = Pick<Config, 'service' | 'tracesTo' | 'redisUrl' | 'databaseUrl'>

/** Begins to look. Loaded on demand, and each half of it too: a service that is not looked at does not pay for it. */
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

import type { FastifyInstance } from 'fastify'
import type { Stores } from '../stores.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { observeStores } from './observed-stores.ts'

/** What a running service lets others see of itself. */
export interface Seeing {
  metrics: Metrics
  /** The same stores; what is asked of them is seen. */
  observe(stores: Stores): Stores
  /** Watches an application. To be called before its first route. */
  beforeRoutes(app: FastifyInstance): void
  close(): Promise<void>
}

/** Begins to look. Loaded on demand: a service that is not looked at does not pay for it. */
export async function openSeeing(): Promise<Seeing> {
  const metrics = createMetrics()
  return {
    metrics,
    observe: (stores) => observeStores(stores, metrics.cache),
    beforeRoutes: metrics.watch,
    close: async () => metrics.close(),
  }
}

import type { FastifyInstance } from 'fastify'
import type { Metrics } from './metrics.ts'

/** `GET /metrics` for Prometheus, which sends a service token. */
export function metricsRoute(api: FastifyInstance, { contentType, text }: Metrics): void {
  api.get('/metrics', { config: { scope: 'read' } }, async (_request, reply) =>
    reply.type(contentType).send(await text()),
  )
}

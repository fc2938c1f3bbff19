import type { UserStore } from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import { onTestFinished } from 'vitest'
import { createMetrics } from '../../src/seeing/metrics.ts'
import { observeStores } from '../../src/seeing/observed-stores.ts'
import { call } from '../process.ts'
import { type Column, type Service, startService } from '../service.ts'

/** The service as `main.ts` starts it where metrics are asked for. `text` is what Prometheus would read. */
export async function startCounted(
  column: Column | Record<string, string>,
  routes?: Parameters<typeof startService>[1],
  o: { limit?: number; users?: Partial<UserStore>; log?: FastifyBaseLogger } = {},
) {
  const metrics = createMetrics()
  onTestFinished(() => metrics.close())
  const rateLimits = { ...(o.limit !== undefined && { signInsPerMinute: o.limit }) }
  const deps = { beforeRoutes: metrics.watch, rateLimits, ...(o.log && { log: o.log }) }
  const service = await startService(column, routes, deps, (stores) => {
    if (stores.events.store.queue) metrics.watchQueue(stores.events.store.queue)
    return observeStores({ ...stores, users: { ...stores.users, ...o.users } }, metrics.cache)
  })
  return { service, text: () => metrics.text() }
}

/** Signs in over HTTP, as a phone does. */
export async function signInOverHttp({ world, baseUrl }: Service, user: string) {
  const appid = world.apps[0]?.appid ?? ''
  return call(`${baseUrl}/v1/sessions`, { body: { appid, code: world.login(user, appid).code } })
}

// The service itself with a guarded route: SEEING=metrics,traces or one of them or nothing, and the service's own variables.
import { authenticate } from '@weapp-auth/fastify'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import { openStores } from '../../src/stores.ts'
import { patiently } from '../patiently.ts'
import { serve } from '../target.ts'

const log = pino({ level: 'silent' })
const config = parseConfig({ ...process.env, WECHAT_EMULATOR: 'on', WECHAT_APPID: 'wx1' })
const seen = process.env.SEEING?.split(',') ?? []
const [hasMetrics, hasTraces] = [seen.includes('metrics'), seen.includes('traces')]
const seeing =
  !hasMetrics && !hasTraces
    ? null
    : await (await import('../../src/seeing/seeing.ts')).openSeeing(
        {
          ...config,
          service: hasMetrics ? { host: '127.0.0.1', port: 0, tokens: [] } : null,
          // Nobody is there: only what the service does for a trace counts, not what a collector of this machine would take.
          tracesTo: hasTraces ? 'http://127.0.0.1:1' : null,
        },
        log,
      )
const opened = await openStores(config, log)
const app = await buildApp({
  ...config,
  ...(seeing?.observe(opened) ?? opened),
  ...(seeing && { beforeRoutes: seeing.beforeRoutes }),
  apps: [{ appid: 'wx1', secrets: ['unused'] }],
  maxEventLoopDelayMs: 0,
  log,
})
app.get('/orders', { onRequest: authenticate }, async ({ auth }) => ({ ordersOf: auth.userId }))

const users = []
while (users.length < Number(process.env.USERS)) {
  const { id } = await patiently(() => app.weappAuth.createUser())
  const { token } = await patiently(() => app.weappAuth.issue(id, { appid: 'wx1' }))
  users.push({ authorization: `Bearer ${token}` })
}
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users })

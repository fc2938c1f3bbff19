import { startRedis } from '@weapp-auth/test-servers'
import { environment } from './service.ts'
import { type BreakableStore, GUARDED } from './store-outages.ts'

/** Sessions have to be there again, so that nobody is signed out by the outage. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

/** A server of sessions, as any other store is looked at. */
export const SESSIONS: BreakableStore = {
  name: 'the session store (Redis)',
  start: () => startRedis(DURABLE),
  stopSignal: 'SIGTERM',
  environment: async (url) => ({ ...(await environment('embedded')), REDIS_URL: url }),
  variable: 'REDIS_URL',
  paths: [GUARDED],
  readyStatus: 503,
  stores: { sessions: 'down', users: 'up' },
  stopMs: 5_000,
}

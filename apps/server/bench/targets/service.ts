// The whole service on Redis and PostgreSQL, for sign-ins.
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import { openStores } from '../../src/stores.ts'
import { serve } from '../target.ts'

const log = pino({ level: 'silent' })
const config = parseConfig({ ...process.env, SESSION_KEY_KEYS: `k1:${randomBytes(32).toString('base64')}` })
const stores = await openStores(config, log)
// The load comes from one address.
const app = await buildApp({ ...config, ...stores, rateLimits: { signInsPerMinute: 0 }, log })
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users: [] })

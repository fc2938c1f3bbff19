// The whole service, for sign-ins. AS_DEPLOYED=on: it writes its log, and counts the sign-ins of each address in Redis.
import { randomBytes } from 'node:crypto'
import { devNull } from 'node:os'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { openStores } from '../../src/stores.ts'
import { serve } from '../target.ts'

const isAsDeployed = process.env.AS_DEPLOYED === 'on'
const log = isAsDeployed ? createLog('info', pino.destination(devNull)) : createLog('silent')
const config = parseConfig({ ...process.env, SESSION_KEY_KEYS: `k1:${randomBytes(32).toString('base64')}` })
const stores = await openStores(config, log)
// The load comes from one address. A limit of 0 switches the counting off.
const signInsPerMinute = isAsDeployed ? Number.MAX_SAFE_INTEGER : 0
const rateLimits = { signInsPerMinute, phoneCodesPerHour: 0, avatarsPerHour: 0 }
const app = await buildApp({ ...config, ...stores, rateLimits, log })
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users: [] })

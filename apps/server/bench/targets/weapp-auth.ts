// Our plugin in a host application: GUARD=on|off, CACHE_MS.
import { randomBytes } from 'node:crypto'
import {
  createRedisSessionStore,
  createSessionKeyVault,
  createSqlUserStore,
  migrateUsers,
  openSqliteUsers,
  weappAuth,
} from '@weapp-auth/fastify'
import Fastify from 'fastify'
import { pino } from 'pino'
import { connectRedis } from '../../src/redis.ts'
import { serve } from '../target.ts'

const { GUARD, CACHE_MS = '0', REDIS_URL = '', USERS = '' } = process.env
const { redis, attempted } = connectRedis(REDIS_URL, pino({ level: 'silent' }))
await attempted
const db = openSqliteUsers(':memory:')
await migrateUsers(db)
const app = Fastify()
const settings = { sessionCacheMs: Number(CACHE_MS) }
await app.register(weappAuth, {
  apps: [{ appid: 'wx1', secrets: ['unused'] }],
  sessions: createRedisSessionStore({ redis, keyPrefix: `bench-${process.pid}:` }),
  users: createSqlUserStore({ db, vault: createSessionKeyVault({ keys: `k1:${randomBytes(32).toString('base64')}` }) }),
  ...settings,
})
const { id: somebody } = await app.weappAuth.createUser()
if (GUARD === 'on') app.get('/orders', { onRequest: app.authenticate }, async ({ auth }) => ({ ordersOf: auth.userId }))
else app.get('/orders', async () => ({ ordersOf: somebody }))

const users = []
for (let count = 0; count < Number(USERS); count++) {
  const { id } = await app.weappAuth.createUser()
  const { token } = await app.weappAuth.issue(id, { appid: 'wx1' })
  users.push({ authorization: `Bearer ${token}` })
}
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users })

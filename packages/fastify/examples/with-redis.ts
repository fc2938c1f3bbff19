// A host application that has @fastify/redis already: the plugin takes app.redis.
import { fastifyRedis } from '@fastify/redis'
import {
  authenticate,
  createRedisSessionStore,
  createSessionKeyVault,
  createSqlUserStore,
  migrateUsers,
  openSqliteUsers,
  weappAuth,
} from '@weapp-auth/fastify'
import Fastify from 'fastify'
import { APPID, required } from './host.ts'

const db = openSqliteUsers('users.sqlite')
await migrateUsers(db)
const app = Fastify()
await app.register(fastifyRedis, {
  url: required('REDIS_URL'),
  commandTimeout: 300,
  socketTimeout: 1_000,
  maxRetriesPerRequest: 1,
})
await app.register(weappAuth, {
  apps: [{ appid: APPID, secrets: [required('WECHAT_SECRET')] }],
  wechatApiBaseUrl: process.env.WECHAT_API_BASE_URL ?? 'https://api.weixin.qq.com',
  sessions: createRedisSessionStore({ redis: app.redis }),
  users: createSqlUserStore({ db, vault: createSessionKeyVault({ keys: required('SESSION_KEY_KEYS') }) }),
  rateLimits: { redis: app.redis },
})
app.get('/orders', { onRequest: authenticate }, async ({ auth }) => ({ ordersOf: auth.userId }))
app.addHook('onClose', () => db.destroy())
console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000) })}`)

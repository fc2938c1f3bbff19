// Our plugin in a host application, on the stores of the service: GUARD=on|get|empty|off, and the service's own variables.
import { authenticate, weappAuth } from '@weapp-auth/fastify'
import Fastify, { type FastifyRequest } from 'fastify'
import { pino } from 'pino'
import { parseConfig } from '../../src/config.ts'
import { openStores } from '../../src/stores.ts'
import { patiently } from '../patiently.ts'
import { serve } from '../target.ts'

const {
  openSessions,
  users: userStore,
  redis,
} = await openStores(parseConfig({ ...process.env, WECHAT_EMULATOR: 'on' }), pino({ level: 'silent' }))
const { sessions } = openSessions(redis)
const app = Fastify()
await app.register(weappAuth, { apps: [{ appid: 'wx1', secrets: ['unused'] }], sessions, users: userStore })
const { id: somebody } = await app.weappAuth.createUser()
if (process.env.GUARD === 'on') {
  app.get('/orders', { onRequest: authenticate }, async ({ auth }) => ({ ordersOf: auth.userId }))
} else if (process.env.GUARD === 'empty') {
  app.get('/orders', { onRequest: async () => {} }, async () => ({ ordersOf: somebody }))
} else if (process.env.GUARD === 'get') {
  // The least that a guard can do which asks Redis.
  const ask = async (request: FastifyRequest) => {
    await redis?.get(request.headers.authorization ?? '')
  }
  app.get('/orders', { onRequest: ask }, async () => ({ ordersOf: somebody }))
} else {
  app.get('/orders', async () => ({ ordersOf: somebody }))
}

const users = []
for (let count = 0; count < Number(process.env.USERS); count++) {
  const { id } = await patiently(() => app.weappAuth.createUser())
  const { token } = await patiently(() => app.weappAuth.issue(id, { appid: 'wx1' }))
  users.push({ authorization: `Bearer ${token}` })
}
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users })

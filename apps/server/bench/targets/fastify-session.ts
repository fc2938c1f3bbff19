// @fastify/session, kept in Redis by connect-redis, as its README shows.
import { randomUUID } from 'node:crypto'
import { requirePeer } from '../peers.ts'
import { serve } from '../target.ts'

const { createClient } = requirePeer('redis')
const { RedisStore } = requirePeer('connect-redis')
const client = await createClient({ url: process.env.REDIS_URL }).connect()
const app = requirePeer('fastify')()
app.register(requirePeer('@fastify/cookie'))
app.register(requirePeer('@fastify/session'), {
  secret: 'a secret with at least 32 characters',
  saveUninitialized: false,
  cookie: { secure: false, maxAge: 7_200_000 },
  store: new RedisStore({ client, prefix: `bench-${process.pid}:` }),
})
app.post('/login', async (request: { session: { userId?: string } }) => {
  request.session.userId = randomUUID()
  return {}
})
app.get('/orders', async (request: { session: { userId?: string } }, reply: { code(status: number): void }) => {
  if (request.session.userId) return { ordersOf: request.session.userId }
  reply.code(401)
  return {}
})

const url = await app.listen({ port: 0, host: '127.0.0.1' })
const users = []
for (let count = 0; count < Number(process.env.USERS); count++) {
  const { headers } = await fetch(`${url}/login`, { method: 'POST' })
  users.push({ cookie: headers.get('set-cookie')?.split(';')[0] ?? '' })
}
serve({ url, users })

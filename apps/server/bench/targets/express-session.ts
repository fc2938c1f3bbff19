// express-session, kept in Redis by connect-redis, as its README shows.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { requirePeer } from '../peers.ts'
import { serve } from '../target.ts'

interface Session {
  session: { userId?: string }
}
interface Response {
  status(code: number): Response
  json(body: object): void
}

const { createClient } = requirePeer('redis')
const { RedisStore } = requirePeer('connect-redis')
const client = await createClient({ url: process.env.REDIS_URL }).connect()
const app = requirePeer('express')()
app.use(
  requirePeer('express-session')({
    secret: 'a secret with at least 32 characters',
    resave: false,
    saveUninitialized: false,
    cookie: { secure: false, maxAge: 7_200_000 },
    store: new RedisStore({ client, prefix: `bench-${process.pid}:` }),
  }),
)
app.post('/login', ({ session }: Session, response: Response) => {
  session.userId = randomUUID()
  response.json({})
})
app.get('/orders', ({ session }: Session, response: Response) => {
  if (session.userId) response.json({ ordersOf: session.userId })
  else response.status(401).json({})
})

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${server.address().port}`
const users = []
for (let count = 0; count < Number(process.env.USERS); count++) {
  const { headers } = await fetch(`${url}/login`, { method: 'POST' })
  users.push({ cookie: headers.get('set-cookie')?.split(';')[0] ?? '' })
}
serve({ url, users })

// @fastify/jwt with a shared secret (HS256): it asks nobody, and nobody can sign out.
import { randomUUID } from 'node:crypto'
import { requirePeer } from '../peers.ts'
import { serve } from '../target.ts'

const app = requirePeer('fastify')()
await app.register(requirePeer('@fastify/jwt'), { secret: 'a secret with at least 32 characters' })
app.get(
  '/orders',
  { onRequest: (request: { jwtVerify(): Promise<unknown> }) => request.jwtVerify() },
  async ({ user }: { user: { userId: string } }) => ({ ordersOf: user.userId }),
)
const users = Array.from({ length: Number(process.env.USERS) }, () => ({
  authorization: `Bearer ${app.jwt.sign({ userId: randomUUID() }, { expiresIn: '2h' })}`,
}))
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users })

import type {} from '@fastify/websocket'
import { authenticate } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'

/** One cup of tea, as `GET /orders` lists it and a push tells of it. */
interface Order {
  number: number
  name: string
  state: 'brewing' | 'ready'
}

/** How long the tea takes. */
const BREW_MS = 2_000
/** How many orders of a user are kept, the newest first. */
const KEPT_ORDERS = 5

/**
 * Orders that are told of as they change: `POST /orders` orders a cup of tea, and the push at `/orders/live` says when it is
 * ready, on all phones of the user. A push can be lost, so what counts is in a table, which a phone reads when its socket
 * opens; here the table is a map of this process.
 */
export async function demoOrders(app: FastifyInstance): Promise<void> {
  const ordersOf = new Map<string, Order[]>()
  let lastNumber = 0

  app.get('/orders', { onRequest: authenticate }, async ({ auth }) => ({ orders: ordersOf.get(auth.userId) ?? [] }))

  app.get('/orders/live', { websocket: true, onRequest: authenticate }, (socket, request) =>
    app.weappAuth.guardSocket(socket, request),
  )

  app.post('/orders', { onRequest: authenticate }, async ({ auth: { userId }, log }, reply) => {
    const order: Order = { number: ++lastNumber, name: '西湖龙井', state: 'brewing' }
    ordersOf.set(userId, [order, ...(ordersOf.get(userId) ?? [])].slice(0, KEPT_ORDERS))
    const tell = () =>
      app.weappAuth
        .push(userId, JSON.stringify({ order }))
        .catch((err: unknown) => log.warn({ err }, 'an order is told of when the phone asks'))
    await tell()
    setTimeout(() => {
      order.state = 'ready'
      void tell()
    }, BREW_MS).unref()
    reply.code(201)
    return { order }
  })
}

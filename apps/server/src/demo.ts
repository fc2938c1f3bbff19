import { authenticate } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'

const PRODUCTS = [
  { id: 'tea', name: '西湖龙井', priceCents: 12_800 },
  { id: 'cup', name: '青瓷茶杯', priceCents: 6_900 },
  { id: 'fan', name: '檀香折扇', priceCents: 4_500 },
]

/** A host application in ten lines: its own business route, guarded, with the openid at hand on the server. */
export async function demo(app: FastifyInstance): Promise<void> {
  app.get('/products', { onRequest: authenticate }, async (request) => {
    const { userId, appid } = request.auth
    const identity = await app.weappAuth.findIdentity(userId, appid)
    // WeChat Pay and subscription messages need the openid here; it does not go back to the phone.
    request.log.debug({ userId, hasIdentity: identity !== null }, 'products for a WeChat user')
    return { products: PRODUCTS, canPay: identity !== null }
  })
}

import { authenticate } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'
import { demoOrders } from './demo-orders.ts'

const PRODUCTS = [
  { id: 'tea', name: '西湖龙井', note: '明前特级 · 50 克', priceCents: 12_800 },
  { id: 'cup', name: '青瓷茶杯', note: '龙泉窑 · 120 毫升', priceCents: 6_900 },
  { id: 'pot', name: '紫砂小壶', note: '宜兴原矿 · 180 毫升', priceCents: 26_800 },
  { id: 'fan', name: '檀香折扇', note: '苏州手工 · 九寸', priceCents: 4_500 },
]

const STORY = [
  '一盏茶开在西湖边一条不通车的巷子里，只有六张桌子。茶是自己去山上收的，每年谷雨前后最忙。',
  '店里的杯子和壶都可以带走。看中了哪一只，告诉柜台上的人，他会用旧报纸包好。',
  '下雨天不打烊。',
]

/** A host application: a page for everybody, a guarded route with the openid at hand on the server, and orders that are pushed. */
export async function demo(app: FastifyInstance): Promise<void> {
  app.get('/story', () => ({ paragraphs: STORY }))
  app.get('/products', { onRequest: authenticate }, async (request) => {
    const { userId, appid } = request.auth
    const identity = await app.weappAuth.findIdentity(userId, appid)
    // WeChat Pay and subscription messages need the openid here; it does not go back to the phone.
    request.log.debug({ userId, hasIdentity: identity !== null }, 'products for a WeChat user')
    return { products: PRODUCTS, canPay: identity !== null }
  })
  await app.register(demoOrders)
}

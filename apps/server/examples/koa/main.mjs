import Koa from 'koa'
import { requireCaller } from './caller.mjs'

const app = new Koa()

app.use(requireCaller)

// The orders of whoever asks.
app.use(async (ctx) => {
  if (ctx.path !== '/api/orders') return
  const { userId, appid } = ctx.state.caller
  ctx.body = { ordersOf: userId, appid }
})

app.listen(process.env.PORT, '127.0.0.1')

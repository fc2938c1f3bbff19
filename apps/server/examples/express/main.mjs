import express from 'express'
import { requireCaller } from './caller.mjs'

const app = express()

// The orders of whoever asks.
app.get('/api/orders', requireCaller, ({ caller }, response) => {
  response.json({ ordersOf: caller.userId, appid: caller.appid })
})

app.listen(process.env.PORT, '127.0.0.1')

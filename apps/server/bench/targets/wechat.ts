// The upstream: WeChat played by the emulator, and somebody who has logged in to it, at `/codes?count=1000`.
import { createServer } from 'node:http'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { serve } from '../target.ts'

const world = createWorld()
const wechat = await startWechat(world)
const [app] = world.apps
let users = 0
const codes = createServer((request, response) => {
  const count = Number(new URL(request.url ?? '', 'http://localhost').searchParams.get('count'))
  // A new user each time: of one user WeChat takes only so many logins.
  const issued = Array.from({ length: count }, () => world.login(`user ${users++}`, app?.appid ?? '').code)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(issued))
}).listen(0, '127.0.0.1')
codes.once('listening', () => {
  const { port } = codes.address() as { port: number }
  serve({
    url: wechat.baseUrl,
    users: [{ appid: app?.appid ?? '', secret: app?.secret ?? '', codes: `http://127.0.0.1:${port}/codes` }],
  })
})

// The upstream: WeChat played by the emulator, and users who have logged in to it: `/codes?count=1000&kind=known`, and with
// `&phone=on` have tapped a button for their phone number too.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { serve } from '../target.ts'

const KNOWN_USERS = Number(process.env.KNOWN_USERS)

// However often one user of the benchmark signs in, WeChat's limit is not what is measured.
const world = createWorld({ exchangesPerMinute: Number.MAX_SAFE_INTEGER })
const wechat = await startWechat(world)
const [{ appid, secret } = { appid: '', secret: '' }] = world.apps
const issued = { known: 0, new: 0 }
const nextUser = {
  known: () => `user ${issued.known++ % KNOWN_USERS}`,
  new: () => `new user ${issued.new++}`,
}
const codes = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://localhost')
  const next = nextUser[searchParams.get('kind') === 'known' ? 'known' : 'new']
  const answer = Array.from({ length: Number(searchParams.get('count')) }, () => {
    const user = next()
    const { code } = world.login(user, appid)
    return searchParams.get('phone') === 'on' ? { code, phoneCode: world.phones.issueCode(user, appid).code } : code
  })
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(answer))
}).listen(0, '127.0.0.1')
await once(codes, 'listening')
const { port } = codes.address() as AddressInfo
serve({ url: wechat.baseUrl, users: [{ appid, secret, codes: `http://127.0.0.1:${port}/codes` }] })

import { DEMO_APP } from '@weapp-auth/emulator'
import { expect, onTestFinished, test } from 'vitest'
import { parseConfig } from '../src/config.ts'
import { startEmulation } from '../src/emulation.ts'
import { startService } from './service.ts'

test('the demonstration plays the mini-programs of the configuration, or one of its own, by a clock of its own', async () => {
  const own = await startEmulation(parseConfig({ WECHAT_EMULATOR: 'on' }))
  const { apps, now, world, wechatApiBaseUrl, close } = await startEmulation(
    parseConfig({ WECHAT_EMULATOR: 'on', WECHAT_APPID: 'wx7' }),
  )
  const secrets = [expect.stringMatching(/./)]
  expect([own.apps, apps]).toEqual([[{ appid: DEMO_APP.appid, secrets }], [{ appid: 'wx7', secrets }]])
  const nowMs = now()
  world.clock.advance(3_600_000)
  expect(now()).toBeGreaterThanOrEqual(nowMs + 3_600_000)
  const query = new URLSearchParams({ appid: 'wx7', secret: apps[0]?.secrets[0] ?? '', js_code: 'none' })
  const ask = async () =>
    (await fetch(`${wechatApiBaseUrl}/sns/jscode2session?${query}&grant_type=authorization_code`)).json()
  expect(await ask()).toMatchObject({ errcode: 40029 })
  await Promise.all([own.close(), close()])
  await expect(ask()).rejects.toThrow('fetch failed')
})

test('the demonstration shows what the service asks its stores, has WebSockets, and lives by the clock of its world', async () => {
  const emulation = await startEmulation(parseConfig({ WECHAT_EMULATOR: 'on' }))
  onTestFinished(emulation.close)
  const { world, apps, wechatApiBaseUrl, now, sockets, watch, mount } = emulation
  const { app } = await startService('embedded', mount, { apps, wechatApiBaseUrl, now, sockets }, watch)
  const { appid } = apps[0] as (typeof apps)[0]
  const payload = { appid, code: world.login('alice', appid).code }
  const signedIn = await app.inject({ method: 'POST', url: '/v1/sessions', payload })
  expect(signedIn.statusCode).toBe(201)
  const asked = world.ledger.entries().filter(({ side }) => side === 'service')
  expect(asked.map(({ event }) => event)).toEqual(expect.arrayContaining(['users.signIn', 'sessions.create']))
  // Its orders are told of over a WebSocket.
  await app.weappAuth.push('nobody', 'an order')
  // A session ends by the clock that a visitor may put forward.
  const headers = { authorization: `Bearer ${signedIn.json().token}` }
  expect((await app.inject({ url: '/v1/me', headers })).statusCode).toBe(200)
  world.clock.advance(7_201_000)
  expect((await app.inject({ url: '/v1/me', headers })).json()).toMatchObject({ code: 'session_invalid' })
})

/** The demonstration, asked for what needs a session under a name, as a page of that name would do in a browser. */
async function start(WECHAT_EMULATOR: 'on' | 'exposed') {
  const emulation = await startEmulation(parseConfig({ WECHAT_EMULATOR }))
  onTestFinished(emulation.close)
  const { app } = await startService('embedded', () => {}, { allowHost: emulation.allowHost })
  return (host: string) => app.inject({ url: '/v1/me', headers: { host, 'x-forwarded-host': 'localhost' } })
}

test('the demonstration answers under the names of this machine only, because a page may have pointed its own name at it', async () => {
  const ask = await start('on')
  for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000']) {
    expect((await ask(host)).json(), host).toMatchObject({ code: 'session_missing' })
  }
  for (const host of ['evil.example', 'evil.example:3000', 'localhost.evil.example', '192.168.1.5:3000']) {
    const answer = await ask(host)
    expect(answer.statusCode, host).toBe(404)
    expect(answer.json()).toMatchObject({ code: 'not_found', detail: expect.stringContaining('use localhost') })
  }
})

test('a demonstration that is exposed answers under every name', async () => {
  const ask = await start('exposed')
  expect((await ask('demo.example')).json()).toMatchObject({ code: 'session_missing' })
})

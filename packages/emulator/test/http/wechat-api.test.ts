import net from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startWechat, type WechatServer } from '../../src/http/start-wechat.ts'
import { createWorld, DEMO_APP, type World } from '../../src/world.ts'

const { appid, secret } = DEMO_APP
let world: World
let server: WechatServer

beforeEach(async () => {
  world = createWorld()
  server = await startWechat(world)
})
afterEach(() => server.close())

function urlFor(js_code: string, params: Record<string, string> = {}): string {
  const query = new URLSearchParams({ appid, secret, js_code, grant_type: 'authorization_code', ...params })
  return `${server.baseUrl}/sns/jscode2session?${query}`
}

const get = (js_code: string, params?: Record<string, string>) =>
  fetch(urlFor(js_code, params), { redirect: 'manual', signal: AbortSignal.timeout(2_000) })

describe('GET /sns/jscode2session', () => {
  test('a success is JSON labelled text/plain, with errcode 0', async () => {
    const response = await get(world.login('alice', appid).code)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain')
    expect(await response.json()).toEqual({
      openid: world.openid('alice', appid),
      session_key: expect.stringMatching(/^[\w+/]{22}==$/),
      errcode: 0,
      errmsg: '',
    })
  })

  test('a refusal is HTTP 200 too, with an errcode and a text that ends with a request id', async () => {
    const response = await get('never-issued')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain')
    expect(await response.json()).toEqual({
      errcode: 40029,
      errmsg: expect.stringMatching(/^invalid code, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/),
    })
  })

  test('a parameter smuggled into the code stays part of the code', async () => {
    const { code } = world.login('alice', appid)
    expect(await (await get(`${code}&appid=wx1`)).json()).toMatchObject({ errcode: 40029 })
  })

  test('twenty exchanges that race with one code give one session', async () => {
    const { code } = world.login('alice', appid)
    const answers = await Promise.all(Array.from({ length: 20 }, async () => (await get(code)).json()))
    const errcodes = answers.map((answer) => (answer as { errcode: number }).errcode)
    expect(errcodes.filter((errcode) => errcode === 0)).toHaveLength(1)
    expect(errcodes.filter((errcode) => errcode === 40163)).toHaveLength(19)
    expect(world.ledger.count('jscode2session', { code: 'c1' })).toBe(20)
    expect(world.ledger.count('jscode2session', { code: 'c1', errcode: 0 })).toBe(1)
  })

  test('the ledger tells which session key was answered, so that a rotation shows', async () => {
    for (const expired of [false, false, true]) {
      if (expired) world.expireSessionKey('alice', appid)
      await get(world.login('alice', appid).code)
    }
    await get('never-issued')
    const exchanges = world.ledger.entries().filter(({ event }) => event === 'jscode2session')
    expect(exchanges.map(({ sessionKey }) => sessionKey)).toEqual(['k1', 'k1', 'k2', undefined])
  })

  test('neither code, secret nor session key reaches the ledger', async () => {
    const { code } = world.login('alice', appid)
    const { session_key } = (await (await get(code)).json()) as { session_key: string }
    await get('a-made-up-code')
    const written = JSON.stringify(world.ledger.entries())
    for (const canary of [code, secret, session_key, 'a-made-up-code']) expect(written).not.toContain(canary)
  })
})

describe('faults', () => {
  test('a forced errcode leaves the code unspent', async () => {
    const { code } = world.login('alice', appid)
    world.faults.set('jscode2session', { errcode: -1, times: 1 })
    expect(await (await get(code)).json()).toMatchObject({
      errcode: -1,
      errmsg: expect.stringContaining('system error'),
    })
    expect(await (await get(code)).json()).toMatchObject({ errcode: 0 })
  })

  test('an applied fault spends the code and spoils only the answer', async () => {
    const { code } = world.login('alice', appid)
    world.faults.set('jscode2session', { errcode: -1, applied: true, times: 1 })
    expect(await (await get(code)).json()).toMatchObject({ errcode: -1 })
    expect(await (await get(code)).json()).toMatchObject({ errcode: 40163 })
  })

  test('garbage is answered as it was given', async () => {
    world.faults.set('jscode2session', { status: 502, body: '<html>', headers: { 'content-type': 'text/html' } })
    const response = await get('x')
    expect(response.status).toBe(502)
    expect(response.headers.get('content-type')).toBe('text/html')
    expect(await response.text()).toBe('<html>')
    expect(world.ledger.count('jscode2session', { errcode: null, fault: 'status body headers' })).toBe(1)
  })

  test('a redirect leads where it was told', async () => {
    world.faults.set('jscode2session', { status: 302, headers: { location: 'http://127.0.0.1:1/' } })
    const response = await get('x')
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://127.0.0.1:1/'])
  })

  test('a reset is a reset of the TCP connection, not an orderly end', async () => {
    world.faults.set('jscode2session', { reset: true })
    expect(await listenTo(urlFor('x'), 200)).toEqual({ received: '', closed: true, error: 'ECONNRESET' })
  })

  test('a hang sends not one byte and keeps the connection', async () => {
    world.faults.set('jscode2session', { hang: true })
    expect(await listenTo(urlFor('x'), 200)).toEqual({ received: '', closed: false, error: null })
  })

  test('a hang inside the answer sends its head and half its body', async () => {
    world.faults.set('jscode2session', { hang: 'body' })
    const { received, closed } = await listenTo(urlFor(world.login('alice', appid).code), 200)
    expect(received).toMatch(/^HTTP\/1.1 200 OK\r\n.*\r\n\r\n\{[^}]*$/s)
    expect(closed).toBe(false)
  })

  test('a delay lasts as long as the world’s clock says, then the call is answered as ever', async () => {
    const { code } = world.login('alice', appid)
    world.faults.set('jscode2session', { delayMs: 60_000 })
    const answer = get(code)
    await expect.poll(() => world.faults.take('jscode2session') !== null).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(world.ledger.count('jscode2session')).toBe(0)
    world.clock.advance(60_000)
    expect(await (await answer).json()).toMatchObject({ errcode: 0 })
  })

  test('a hanging answer does not keep the server from closing', async () => {
    world.faults.set('jscode2session', { hang: true })
    const answer = get('x').catch((error: unknown) => error)
    await expect.poll(() => world.ledger.count('jscode2session')).toBe(1)
    await server.close()
    expect(await answer).toBeInstanceOf(TypeError)
  })
})

/** Raw TCP: what arrives on the connection, and how it ends, within some time. */
async function listenTo(url: string, forMs: number) {
  const { hostname, port, pathname, search } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  const seen = { received: '', closed: false, error: null as string | null }
  socket.on('data', (chunk) => {
    seen.received += chunk
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    seen.error = error.code ?? null
  })
  socket.on('close', () => {
    seen.closed = true
  })
  socket.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`)
  await new Promise((resolve) => setTimeout(resolve, forMs))
  const result = { ...seen }
  socket.destroy()
  return result
}

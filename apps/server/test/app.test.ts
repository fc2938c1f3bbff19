import { EventEmitter, once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startService } from './service.ts'

const HALF_A_REQUEST =
  'POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{'

describe('closing', () => {
  test.each([
    ['nothing on it yet', ''],
    ['half a header', 'POST /v1/sessions HTTP/1.1\r\nhost:'],
  ])('closing does not wait for a connection with %s', async (_, text) => {
    const { app, socket } = await hold(text)
    // The time after which a service that stops ends all connections never comes.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    await app.close()
    vi.useRealTimers()
    await expect.poll(() => socket.closed).toBe(true)
  })

  test('closing waits a moment for the next request on a connection that is open, and for none on one that has ended', async () => {
    const [held, ended] = [await hold('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'), await hold('')]
    await expect.poll(held.answers).toMatch(/^HTTP\/1.1 200/)
    const closed = once(ended.far, 'close')
    ended.socket.destroy()
    await closed
    const order: string[] = []
    await Promise.all([
      held.app.close().then(() => order.push('open')),
      ended.app.close().then(() => order.push('ended')),
    ])
    expect(order).toEqual(['ended', 'open'])
  })

  test('closing waits for a request, and not for ever', async () => {
    const { app, socket } = await hold(HALF_A_REQUEST)
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const closed = app.close()
    await vi.advanceTimersByTimeAsync(6_900)
    expect(socket.closed).toBe(false)
    await vi.advanceTimersByTimeAsync(200)
    await closed
  })
})

test.each(['/%', '/v1/%E0%A4%A', '/v1/sessions/%ff?scope=others', '//%'])(
  'the address %s, which cannot be decoded, is a problem with the headers of every other answer, and is not repeated',
  async (path) => {
    const { baseUrl } = await startService('embedded')
    const [answer, other] = await Promise.all([fetch(baseUrl + path), fetch(`${baseUrl}/nowhere`)])
    expect([...answer.headers.keys()]).toEqual([...other.headers.keys()])
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    const problem = await answer.text()
    expect(JSON.parse(problem)).toMatchObject({
      status: 400,
      code: 'request_invalid',
      requestId: answer.headers.get('x-request-id'),
    })
    expect(problem).not.toContain('%')
  },
)

describe('a request that arrives slowly', () => {
  test.each([
    ['a header', 'POST /v1/sessions HTTP/1.1\r\nhost: x\r\nx-slow: '],
    ['a body', HALF_A_REQUEST.replace('content-length: 9', 'content-length: 9000')],
  ])('a request that drips %s is ended when its time is over', async (_, text) => {
    const { app, socket } = await hold(text)
    expect(app.server.requestTimeout).toBe(30_000)
    // What Node looks at each time it checks: the rest of the test need not take 30 s.
    app.server.requestTimeout = 200
    app.server.headersTimeout = 200
    const drip = setInterval(() => socket.write('x'), 50)
    onTestFinished(() => clearInterval(drip))
    const startedMs = performance.now()
    await vi.waitFor(() => expect(socket.closed).toBe(true), 10_000)
    expect(performance.now() - startedMs).toBeLessThan(4_000)
  })
})

describe('while the service stops', () => {
  test('while the service stops, a request that has just begun is answered shutting_down', async () => {
    const { app, socket, events, answers, bytesRead } = await hold('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    await expect.poll(answers).toMatch(/^HTTP\/1.1 200/)
    const before = bytesRead()
    socket.write('GET /v1/me HTTP/1.1\r\nhost:')
    await expect.poll(bytesRead).toBeGreaterThan(before)
    const closing = once(events, 'closing')
    const closed = app.close()
    await closing
    socket.write(' x\r\n\r\n')
    await Promise.all([closed, once(socket, 'close')])
    const [, last = ''] = answers().split(/(?<=\})(?=HTTP)/)
    expect(last).toMatch(/^HTTP\/1.1 503/)
    expect(last).toMatch(/^content-type: application\/problem\+json/m)
    expect(last).toMatch(/^retry-after: 1\r/m)
    expect(last).toMatch(/^connection: close\r/m)
    expect(last).toContain('"code":"shutting_down"')
  })

  test('while the service stops, each request on a connection that is kept is answered', async () => {
    const { app, baseUrl } = await startService('embedded')
    const agent = new Agent({ keepAlive: true, maxSockets: 40 })
    onTestFinished(() => agent.destroy())
    const outcomes: (number | string)[] = []
    const send = async () => {
      const sent = get(`${baseUrl}/livez`, { agent })
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      await answer.resume().toArray()
      outcomes.push(answer.statusCode ?? 0)
      return answer
    }
    const askUntilStopped = async (pauseMs: number) => {
      for (;;) {
        const answer = await send().catch((error) => outcomes.push(error.code))
        if (typeof answer === 'number') return
        if (answer.statusCode === 503) return expect(answer.headers.connection).toBe('close')
        await sleep(pauseMs)
      }
    }
    const phones = Array.from({ length: 40 }, (_, i) => askUntilStopped(1 + i * 5))
    await sleep(500)
    const closed = app.close()
    await Promise.all([closed, ...phones])
    expect(outcomes.filter((outcome) => outcome !== 200)).toEqual(Array(40).fill(503))
  })

  test('while the service stops, a request under way is answered, and its connection closed', async () => {
    const gate = new EventEmitter()
    const { app, baseUrl } = await startService('embedded', (app) => {
      app.addHook('preClose', async () => void gate.emit('closing'))
      app.get('/slow', async () => {
        gate.emit('entered')
        await once(gate, 'opened')
        return 'done'
      })
    })
    const answer = fetch(`${baseUrl}/slow`)
    await once(gate, 'entered')
    const closing = once(gate, 'closing')
    const closed = app.close()
    await closing
    gate.emit('opened')
    // The connection ends with it, or it would be waited for.
    expect((await answer).headers.get('connection')).toBe('close')
    expect(await (await answer).text()).toBe('done')
    await closed
  })
})

test('a process that cannot keep up says so, and stays alive; the demonstration, whose phones keep it busy, never says so', async () => {
  const { app } = await startService('embedded', () => {}, { refusesWhenBusy: true })
  const { app: demonstration } = await startService('embedded', () => {}, { maxEventLoopDelayMs: 0 })
  let answer = await app.inject('/readyz')
  const block = async () => {
    blockEventLoop(1_500)
    // Both services look at how late the event loop was before this goes on.
    await sleep(1)
    answer = await app.inject('/readyz')
    expect((await demonstration.inject('/readyz')).statusCode).toBe(200)
  }
  const refused = async () => {
    await block()
    expect(answer.statusCode).toBe(503)
  }
  await vi.waitFor(refused, { timeout: 20_000, interval: 1 })
  await block()
  expect(answer.json()).toMatchObject({ status: 503, code: 'overloaded' })
  expect(answer.headers['retry-after']).toBe('1')
  expect((await app.inject('/livez')).statusCode).toBe(200)
  await expect.poll(async () => (await app.inject('/readyz')).statusCode).toBe(200)
})

test('every answer has an id of our own, the one that a problem names, and the headers of helmet', async () => {
  const { baseUrl } = await startService('embedded')
  const answer = await fetch(`${baseUrl}/v1/me`, { headers: { 'x-request-id': 'mine', 'request-id': 'mine' } })
  const requestId = answer.headers.get('x-request-id')
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
  expect(await answer.json()).toMatchObject({ requestId })
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
})

test('while a store is away, the requests that fail and the store itself are logged in one line a second', async () => {
  const told: string[] = []
  const outageLog = { tell: () => {}, repeat: (code: string) => void told.push(code) }
  const away = async () => Promise.reject(new ApiError('store_unavailable', 'away'))
  const { app } = await startService(
    'embedded',
    (app) => app.get('/users', () => app.weappAuth.listUsers({ after: null, limit: 1 })),
    { outageLog },
    (stores) => ({
      ...stores,
      users: { ...stores.users, listUsers: away },
    }),
  )
  expect((await app.inject('/users')).statusCode).toBe(503)
  expect(told).toEqual(['store_unavailable'])
})

describe("the caller's address", () => {
  const addressSeen = async (trustProxy: readonly string[], forwarded = '203.0.113.9, 192.0.2.1') => {
    const route = (app: FastifyInstance) => app.get('/ip', async ({ ip, protocol }) => `${ip} by ${protocol}`)
    const { baseUrl } = await startService('embedded', route, { trustProxy })
    const headers = { 'x-forwarded-for': forwarded, 'x-forwarded-proto': 'https' }
    return (await fetch(`${baseUrl}/ip`, { headers })).text()
  }

  test("the caller's address is that of the connection, whatever a header says", async () => {
    expect(await addressSeen([])).toBe('127.0.0.1 by http')
    expect(await addressSeen(['10.0.0.0/8'])).toBe('127.0.0.1 by http')
  })

  test("the caller's address is the one that our proxy saw, and not one that the caller wrote into a header", async () => {
    expect(await addressSeen(['127.0.0.0/8'])).toBe('192.0.2.1 by https')
    expect(await addressSeen(['127.0.0.0/8'], '192.0.2.1:4711')).toBe('192.0.2.1 by https')
  })
})

/** Without work for a core, which other tests need. */
function blockEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** The service with a client that sends `text` and then nothing. */
async function hold(text: string) {
  const events = new EventEmitter()
  const { app, baseUrl } = await startService('embedded', (app) => {
    app.addHook('preClose', async () => void events.emit('closing'))
  })
  const { port, hostname } = new URL(baseUrl)
  const connection = once(app.server, 'connection')
  const accepted = once(app.server, text.endsWith('{') ? 'request' : 'connection')
  const socket = connect(Number(port), hostname)
  let received = ''
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      received += chunk
    })
  onTestFinished(() => void socket.destroy())
  socket.write(text)
  await accepted
  const [far] = (await connection) as [Socket]
  return { app, socket, far, events, answers: () => received, bytesRead: () => far.bytesRead }
}

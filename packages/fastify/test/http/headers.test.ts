import { Writable } from 'node:stream'
import { ROUTES } from '@weapp-auth/shared'
import { expect, it } from 'vitest'
import { ApiError, problems } from '../../src/index.ts'
import { startService } from '../service.ts'

it('every answer under /v1 has cache-control: no-store, refusals too', async () => {
  const { app, signIn } = await startService()
  const { headers } = await signIn()
  for (const url of Object.values(ROUTES).filter((path) => path.startsWith('/v1'))) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
      if (!app.hasRoute({ method, url })) continue
      for (const credentials of [{}, headers]) {
        const answer = await app.inject({ method, url, headers: credentials })
        expect(answer.headers['cache-control'], `${method} ${url} ${answer.statusCode}`).toBe('no-store')
      }
    }
  }
})

it('every 503 and 429 has Retry-After, also when the thrown error has none', async () => {
  const { app } = await startService({
    early: (host) => void host.register(problems),
    host: (host) => {
      host.get('/ours', () => Promise.reject(new ApiError('store_unavailable', 'gone')))
      host.get('/limited', () => Promise.reject(Object.assign(new Error('slow down'), { statusCode: 429 })))
      host.get('/told', (_request, reply) => {
        reply.header('retry-after', 7)
        return Promise.reject(Object.assign(new Error('slow down'), { statusCode: 429 }))
      })
      host.get('/forbidden', () => Promise.reject(new ApiError('user_disabled', 'banned')))
    },
  })
  const retryAfter = async (url: string) => (await app.inject(url)).headers['retry-after']
  expect(await retryAfter('/ours')).toBe('1')
  expect(await retryAfter('/limited')).toBe('60')
  expect(await retryAfter('/told')).toBe('7')
  expect(await retryAfter('/forbidden')).toBeUndefined()
})

it('a body over 16 kB is refused before it is read', async () => {
  const { app, signIn } = await startService()
  const { headers } = await signIn()
  for (const [method, url] of [
    ['POST', '/v1/sessions'],
    ['POST', '/v1/me/profile'],
    ['DELETE', '/v1/session'],
  ] as const) {
    const answer = await app.inject({ method, url, headers, payload: { nickname: 'x'.repeat(16 * 1024) } })
    expect(answer.json(), url).toMatchObject({ status: 413, code: 'payload_too_large' })
  }
})

it('an outage writes one line a second to the log, and an unexpected error a line each time', async () => {
  const lines: { msg: string; sinceLastLine?: number }[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(chunk))
      done()
    },
  })
  const { app, users, signIn } = await startService({ server: { logger: { level: 'error', stream } } })
  const { headers } = await signIn()
  const ask = async () => (await app.inject({ url: '/v1/me', headers })).statusCode
  users.findUser = () => Promise.reject(new ApiError('store_unavailable', 'gone'))
  const startMs = performance.now()
  for (let count = 0; count < 20; count++) expect(await ask()).toBe(503)
  const seconds = (performance.now() - startMs) / 1000
  expect(lines.length).toBeGreaterThan(0)
  expect(lines.length).toBeLessThanOrEqual(1 + seconds)
  users.findUser = () => Promise.reject(new Error('boom'))
  for (let count = 0; count < 3; count++) expect(await ask()).toBe(500)
  expect(lines.filter(({ msg }) => msg === 'an unexpected error')).toHaveLength(3)
})

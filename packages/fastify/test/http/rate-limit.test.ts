import { randomUUID } from 'node:crypto'
import type {} from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { createRateLimits } from '../../src/http/plugins/rate-limit.ts'
import type { RateLimitsOptions } from '../../src/index.ts'
import { APPID, type Service, startService } from '../service.ts'

const redisUrl = inject('redisUrl')

const start = (rateLimits: RateLimitsOptions) => startService({ rateLimits, server: { trustProxy: '127.0.0.1' } })

async function signIn({ app, world }: Service, from: string): Promise<number> {
  const { code } = world.login('alice', APPID)
  const headers = { 'x-forwarded-for': from }
  return (await app.inject({ method: 'POST', url: '/v1/sessions', headers, payload: { appid: APPID, code } }))
    .statusCode
}

describe('sign-ins of one address', () => {
  it('sign-ins of one address are limited, the answer says when to come back, and another address is not limited', async () => {
    const service = await start({ signInsPerMinute: 2 })
    expect([await signIn(service, '192.0.2.1'), await signIn(service, '192.0.2.1')]).toEqual([201, 201])
    const refused = await service.app.inject({
      method: 'POST',
      url: '/v1/sessions',
      headers: { 'x-forwarded-for': '192.0.2.1' },
      payload: 'anything',
    })
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited', detail: 'more than 2 requests a minute' })
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/)
    const retryAfterSeconds = Number(refused.headers['retry-after'])
    expect(retryAfterSeconds).toBeGreaterThan(50)
    expect(retryAfterSeconds).toBeLessThanOrEqual(60)
    expect(Object.keys(refused.headers).filter((name) => name.includes('ratelimit'))).toEqual([])
    expect(await signIn(service, '192.0.2.2')).toBe(201)
  })

  it('sign-ins are counted by /64 where the address is IPv6, and for mapped IPv4 addresses one by one', async () => {
    const service = await start({ signInsPerMinute: 1 })
    expect(await signIn(service, '2001:db8:1:2:aaaa::1')).toBe(201)
    expect(await signIn(service, '2001:db8:1:2:bbbb::2')).toBe(429)
    expect(await signIn(service, '2001:db8:1:3::1')).toBe(201)
    expect(await signIn(service, '::ffff:192.0.2.1')).toBe(201)
    expect(await signIn(service, '::ffff:192.0.2.2')).toBe(201)
    expect(await signIn(service, '192.0.2.2')).toBe(429)
  })

  it('sign-ins of one address are limited to 600 a minute by default, and not at all with 0', async () => {
    const [service, unlimited] = [await start({}), await start({ signInsPerMinute: 0 })]
    const ask = async ({ app }: Service) =>
      (await app.inject({ method: 'POST', url: '/v1/sessions', payload: {} })).statusCode
    for (let count = 0; count < 600; count++) expect([await ask(service), await ask(unlimited)]).toEqual([400, 400])
    expect([await ask(service), await ask(unlimited)]).toEqual([429, 400])
  })

  it.skipIf(redisUrl === null)(
    'sign-ins are counted in Redis for all processes together, under keyPrefix',
    async () => {
      const redis = new Redis(redisUrl ?? '')
      onTestFinished(() => redis.disconnect())
      const keyPrefix = `test-${randomUUID()}:`
      const services = [
        await start({ signInsPerMinute: 1, redis, keyPrefix }),
        await start({ signInsPerMinute: 1, redis, keyPrefix }),
      ]
      const statuses = []
      for (const service of services) statuses.push(await signIn(service, '192.0.2.1'))
      expect(statuses).toEqual([201, 429])
      const keys = await redis.keys(`${keyPrefix}*`)
      expect(keys).toHaveLength(1)
      expect(await redis.pttl(keys[0] ?? '')).toBeGreaterThan(0)
      // Without keyPrefix they stand under the default one.
      const address = `2001:db8:${randomUUID().slice(0, 4)}:${randomUUID().slice(0, 4)}::1`
      expect(await signIn(await start({ signInsPerMinute: 1, redis }), address)).toBe(201)
      const counted = (await redis.keys('weapp-auth:l:*')).filter((key) => key.includes('2001:db8:'))
      expect(counted).not.toEqual([])
      await redis.del([...keys, ...counted])
    },
  )

  it('sign-ins are not limited while the store of the counters is away', async () => {
    const redis = new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null })
    redis.on('error', () => {})
    const service = await start({ signInsPerMinute: 1, redis })
    expect([await signIn(service, '192.0.2.1'), await signIn(service, '192.0.2.1')]).toEqual([201, 201])
  })
})

it('requests for open data are counted by user, and not at all without a session', async () => {
  const { app, signIn } = await startService({ rateLimits: { openDataPerMinute: 2 } })
  const [alice, bob] = [await signIn('alice'), await signIn('bob')]
  const ask = async (headers: Record<string, string>, url = '/v1/open-data/verify') =>
    (await app.inject({ method: 'POST', url, headers, payload: {} })).statusCode
  expect([await ask(alice.headers), await ask(alice.headers), await ask(alice.headers)]).toEqual([400, 400, 429])
  for (const url of ['/v1/open-data/decrypt', '/v1/session-key/check']) {
    const statuses = [await ask(alice.headers, url), await ask(alice.headers, url), await ask(alice.headers, url)]
    expect([url, statuses.indexOf(429)]).toEqual([url, 2])
  }
  expect(await ask(bob.headers)).toBe(400)
  expect([await ask({}), await ask({}), await ask({})]).toEqual([401, 401, 401])
})

it('routes that only need a session are not limited', async () => {
  const { app, signIn } = await startService({ rateLimits: { signInsPerMinute: 1, openDataPerMinute: 1 } })
  const { headers } = await signIn()
  // More than what @fastify/rate-limit lets through a minute by default.
  for (let count = 0; count < 1_001; count++) {
    expect((await app.inject({ url: '/v1/verify', headers })).statusCode).toBe(204)
  }
})

it.each([{ signInsPerMinute: -1 }, { openDataPerMinute: 1.5 }])(
  'a limit like %j is refused by name',
  async (limits) => {
    const [name] = Object.keys(limits)
    await expect(start(limits)).rejects.toThrow(`rateLimits.${name} must be a whole number`)
  },
)

it('each limit has its default, and 0 is no limit', () => {
  const [minute, hour] = [60_000, 3_600_000]
  expect(createRateLimits({})).toMatchObject({
    signIn: { max: 600, timeWindow: minute },
    openData: { max: 600, timeWindow: minute },
    avatar: { max: 20, timeWindow: hour },
    phoneCode: { max: 10, timeWindow: hour },
  })
  const none = { signInsPerMinute: 0, openDataPerMinute: 0, avatarsPerHour: 0, phoneCodesPerHour: 0 }
  expect(createRateLimits(none)).toEqual({ signIn: false, openData: false, avatar: false, phoneCode: false })
})

import { readFileSync } from 'node:fs'
import type {} from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { runExample, SESSION, startProvider } from './example.ts'

/** Each example is run as its reader runs it; `own-account` in `own-account.long.test.ts`. */
describe('the example third-party', () => {
  it("the example third-party signs in by the provider's word, into the same sessions and behind the same guard as WeChat", async () => {
    const { post, get, wechatSignIn } = await runExample('third-party.ts', await startProvider())
    const first = await post('/provider/login', { ticket: 'ticket-of-alice' })
    expect(first).toMatchObject({ status: 201, cacheControl: 'no-store', body: SESSION })
    const again = await post('/provider/login', { ticket: 'ticket-of-alice' })
    expect([first.body.user.isNew, again.body.user.isNew]).toEqual([true, false])
    expect(again.body.user.id).toBe(first.body.user.id)
    expect((await post('/provider/login', { ticket: 'ticket-of-bob' })).body.user.id).not.toBe(first.body.user.id)
    expect((await get('/orders', again.body.token)).body).toEqual({ ordersOf: first.body.user.id })
    const wechat = await wechatSignIn('bob')
    expect((await get('/orders', wechat.token)).status).toBe(200)
  })

  it('the example third-party tells a refused ticket from a provider that is down, and neither is a 401', async () => {
    const { post } = await runExample('third-party.ts', await startProvider())
    expect(await post('/provider/login', { ticket: 'forged' })).toMatchObject({
      status: 400,
      body: { code: 'request_invalid' },
    })
    expect((await post('/provider/login', { ticket: 'down' })).status).toBe(500)
  })
})

describe('the example with-redis', () => {
  it.skipIf(inject('redisUrl') === null)(
    'the example with-redis keeps the sessions in the Redis that the host application has',
    async () => {
      const { get, send, wechatSignIn } = await runExample('with-redis.ts', { REDIS_URL: inject('redisUrl') ?? '' })
      const { token, user } = await wechatSignIn('alice')
      expect((await get('/orders', token)).body).toEqual({ ordersOf: user.id })
      const redis = new Redis(inject('redisUrl') ?? '')
      onTestFinished(() => redis.disconnect())
      const bucket = token.split('.')[1]
      expect(await redis.exists(`weapp-auth:u{${bucket}}:${user.id}`)).toBe(1)
      expect((await send('DELETE', '/v1/sessions?scope=all', token)).body).toEqual({ revoked: 1 })
      expect((await get('/orders', token)).body).toMatchObject({ reason: 'signed_out' })
    },
  )

  it('the example with-redis is what the README shows', () => {
    const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
    const [, shown = ''] = /```ts\n(await app\.register\(fastifyRedis[^`]*)```/.exec(read('README.md')) ?? []
    const lines = shown.split('\n').map((line) => line.trim())
    expect(lines.length).toBeGreaterThan(3)
    for (const line of lines) if (line !== '...') expect(read('examples/with-redis.ts')).toContain(line)
  })
})

import { readFileSync } from 'node:fs'
import type {} from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { runExample, startProvider } from './example.ts'

const CREDENTIALS = { name: 'alice', password: 'correct horse' }

/** The body of `POST /v1/sessions`, which the client's `loginWith` expects of any way in. */
const SESSION = {
  token: expect.stringMatching(/^wxs1\.[0-9a-f]{3}\.[\w-]{43}$/),
  tokenType: 'Bearer',
  expiresIn: 7_200,
  absoluteExpiresIn: 2_592_000,
  session: { id: expect.any(String), createdAt: expect.any(String) },
  user: { id: expect.any(String), isNew: expect.any(Boolean), profile: expect.objectContaining({ nickname: '' }) },
}

/** Each example is run as its reader runs it. */
describe('the example own-account', () => {
  it('signs in by password, into the same sessions and behind the same guard as WeChat', async () => {
    const { post, get, send, codeOf, wechatSignIn } = await runExample('own-account.ts')
    const created = await post('/accounts', CREDENTIALS)
    expect(created).toMatchObject({ status: 201, cacheControl: 'no-store', body: SESSION })
    expect(created.body.user.isNew).toBe(true)
    const login = await post('/accounts/login', CREDENTIALS)
    expect(login).toMatchObject({ status: 201, cacheControl: 'no-store', body: SESSION })
    expect(login.body.user).toEqual({ ...created.body.user, isNew: false })

    const orders = await get('/orders', login.body.token)
    expect(orders.body).toEqual({ ordersOf: created.body.user.id })
    expect((await get('/v1/me', login.body.token)).body.user.id).toBe(created.body.user.id)
    const wechat = await wechatSignIn('bob')
    expect(Object.keys(wechat)).toEqual(Object.keys(login.body))
    expect((await get('/orders', wechat.token)).body).toEqual({ ordersOf: wechat.user.id })

    const linked = await send('POST', '/accounts/wechat', login.body.token, { code: codeOf('alice') })
    expect([linked.status, linked.body]).toEqual([200, { linked: true }])
    expect((await wechatSignIn('alice')).user.id).toBe(created.body.user.id)
    const taken = await send('POST', '/accounts/wechat', login.body.token, { code: codeOf('bob') })
    expect(taken.body).toEqual({ linked: false })

    expect((await send('DELETE', '/v1/sessions?scope=others', login.body.token)).body).toEqual({ revoked: 2 })
    expect((await get('/orders', created.body.token)).body).toMatchObject({ reason: 'signed_out_elsewhere' })
    expect((await get('/orders', wechat.token)).status).toBe(200)
  })

  it('answers a wrong password and an unknown name in the same way, and never with a 401', async () => {
    const { post } = await runExample('own-account.ts')
    await post('/accounts', CREDENTIALS)
    const wrong = await post('/accounts/login', { ...CREDENTIALS, password: 'correct hose' })
    const unknown = await post('/accounts/login', { ...CREDENTIALS, name: 'nobody' })
    expect(wrong).toMatchObject({ status: 400, body: { code: 'request_invalid' } })
    expect({ ...unknown.body, requestId: '' }).toEqual({ ...wrong.body, requestId: '' })
    expect(await post('/accounts', CREDENTIALS)).toMatchObject({ status: 400, body: { detail: 'this name is taken' } })
  })

  it('asks for the old password before it sets a new one, and ends the other sessions then', async () => {
    const { post, get, send } = await runExample('own-account.ts')
    const { token } = (await post('/accounts', CREDENTIALS)).body
    const wrong = { oldPassword: 'correct hose', password: 'another horse' }
    expect(await send('PUT', '/accounts/password', token, wrong)).toMatchObject({
      status: 400,
      body: { detail: 'the old password is wrong' },
    })
    expect((await send('PUT', '/accounts/password', token, { password: 'another horse' })).status).toBe(400)
    expect((await get('/orders', token)).status).toBe(200)
    const right = { ...wrong, oldPassword: CREDENTIALS.password }
    const changed = await send('PUT', '/accounts/password', token, right)
    expect(changed).toMatchObject({ status: 200, body: SESSION })
    expect((await get('/orders', token)).body).toMatchObject({ code: 'session_revoked' })
    expect((await get('/orders', changed.body.token)).status).toBe(200)
    expect((await post('/accounts/login', CREDENTIALS)).status).toBe(400)
    expect((await post('/accounts/login', { ...CREDENTIALS, password: 'another horse' })).status).toBe(201)
  })
})

describe('the example third-party', () => {
  it("signs in by the provider's word, into the same sessions and behind the same guard as WeChat", async () => {
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

  it('tells a refused ticket from a provider that is down, and neither is a 401', async () => {
    const { post } = await runExample('third-party.ts', await startProvider())
    expect(await post('/provider/login', { ticket: 'forged' })).toMatchObject({
      status: 400,
      body: { code: 'request_invalid' },
    })
    expect((await post('/provider/login', { ticket: 'down' })).status).toBe(500)
  })
})

describe('the example with-redis', () => {
  it.skipIf(inject('redisUrl') === null)('keeps the sessions in the Redis that the host application has', async () => {
    const { get, send, wechatSignIn } = await runExample('with-redis.ts', { REDIS_URL: inject('redisUrl') ?? '' })
    const { token, user } = await wechatSignIn('alice')
    expect((await get('/orders', token)).body).toEqual({ ordersOf: user.id })
    const redis = new Redis(inject('redisUrl') ?? '')
    onTestFinished(() => redis.disconnect())
    const bucket = token.split('.')[1]
    expect(await redis.exists(`weapp-auth:u{${bucket}}:${user.id}`)).toBe(1)
    expect((await send('DELETE', '/v1/sessions?scope=all', token)).body).toEqual({ revoked: 1 })
    expect((await get('/orders', token)).body).toMatchObject({ reason: 'signed_out' })
  })

  it('is what the README shows', () => {
    const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
    const [, shown = ''] = /```ts\n(await app\.register\(fastifyRedis[^`]*)```/.exec(read('README.md')) ?? []
    const lines = shown.split('\n').map((line) => line.trim())
    expect(lines.length).toBeGreaterThan(3)
    for (const line of lines) if (line !== '...') expect(read('examples/with-redis.ts')).toContain(line)
  })
})

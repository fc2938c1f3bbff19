import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { repeatRefusals } from '../../src/index.ts'
import { APPID, startService } from '../service.ts'

describe('GET /v1/verify', () => {
  it('GET /v1/verify tells a reverse proxy who is calling, in headers', async () => {
    const { app, signIn } = await startService()
    const { headers, userId, sessionId } = await signIn()
    const answer = await app.inject({ url: '/v1/verify', headers })
    expect([answer.statusCode, answer.body]).toEqual([204, ''])
    expect(answer.headers).toMatchObject({
      'x-auth-user-id': userId,
      'x-auth-session-id': sessionId,
      'x-auth-appid': APPID,
      'cache-control': 'no-store',
    })
  })

  it('GET /v1/verify refuses as every guarded route does', async () => {
    const { app, signIn } = await startService()
    const { headers, userId } = await signIn()
    await app.weappAuth.revokeAll(userId)
    const [missing, revoked] = [await app.inject('/v1/verify'), await app.inject({ url: '/v1/verify', headers })]
    expect(missing.json()).toMatchObject({ status: 401, code: 'session_missing' })
    expect(revoked.json()).toMatchObject({ status: 401, code: 'session_revoked' })
    expect(revoked.headers['www-authenticate']).toBe('Bearer realm="weapp-auth", error="invalid_token"')
    expect(revoked.headers).not.toHaveProperty('x-auth-user-id')
    // nginx drops the body.
    for (const { headers: sent, body } of [missing, revoked]) expect(sent['x-auth-refusal']).toBe(body)
  })
})

it('the header X-Auth-Refusal repeats each refusal as JSON of visible ASCII, and no other answer', async () => {
  const app = Fastify()
  repeatRefusals(app)
  const refusal = { detail: '用户已停用 \u00e9\u007f\n' }
  app.get('/refused', (_request, reply) => reply.code(400).send(refusal))
  app.get('/let-in', async () => refusal)
  const header = String((await app.inject('/refused')).headers['x-auth-refusal'])
  expect(header).toMatch(/^[\x20-\x7e]+$/)
  expect(JSON.parse(header)).toEqual(refusal)
  expect((await app.inject('/let-in')).headers).not.toHaveProperty('x-auth-refusal')
})

import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startService } from '../service.ts'

const MISSING = [401, 'session_missing', 'Bearer realm="weapp-auth"'] as const
const MALFORMED = [401, 'session_malformed', 'Bearer realm="weapp-auth", error="invalid_token"'] as const
const INVALID = [401, 'session_invalid', 'Bearer realm="weapp-auth", error="invalid_token"'] as const
const PASSES = [200, undefined, undefined] as const

describe('the Authorization header', () => {
  it.each([
    ['no header at all', () => undefined, MISSING],
    ['an empty header', () => '', MISSING],
    ['another scheme', () => 'Basic dXNlcjpwYXNz', MISSING],
    ['the token without a scheme', (token: string) => token, MISSING],
    ['the scheme and the token in one word', (token: string) => `Bearer${token}`, MISSING],
    ['the scheme alone', () => 'Bearer', MALFORMED],
    ['the scheme and a space', () => 'Bearer ', MALFORMED],
    ['something that is no token', () => 'Bearer abc', MALFORMED],
    ['a token cut short', (token: string) => `Bearer ${token.slice(0, -1)}`, MALFORMED],
    ['two tokens', (token: string) => `Bearer ${token} ${token}`, MALFORMED],
    ['two credentials in one header', (token: string) => `Bearer ${token}, Bearer ${token}`, MALFORMED],
    ['a tab for the space', (token: string) => `Bearer\t${token}`, MALFORMED],
    ['a token in quotes', (token: string) => `Bearer "${token}"`, MALFORMED],
    ['a token nobody was given', (token: string) => `Bearer ${token.slice(0, 9)}${'a'.repeat(43)}`, INVALID],
    ['Bearer and the token', (token: string) => `Bearer ${token}`, PASSES],
    ['the scheme in small letters', (token: string) => `bearer ${token}`, PASSES],
    ['the scheme in capitals', (token: string) => `BEARER ${token}`, PASSES],
    ['two spaces', (token: string) => `Bearer  ${token}`, PASSES],
  ])('with %s is answered exactly', async (_, header, [status, code, challenge]) => {
    const { app, signIn } = await startService()
    const { token } = await signIn()
    const authorization = header(token)
    const answer = await app.inject({ url: '/v1/me', headers: authorization === undefined ? {} : { authorization } })
    expect([answer.statusCode, answer.json().code, answer.headers['www-authenticate']]).toEqual([
      status,
      code,
      challenge,
    ])
  })

  it('sent twice counts once, the first time', async () => {
    const { app, signIn } = await startService()
    const { token } = await signIn()
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    const lines = ['GET /v1/me HTTP/1.1', 'Host: x', 'Connection: close', 'Authorization: Bearer abc']
    socket.end(`${lines.join('\r\n')}\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    const answer = await socket.setEncoding('utf8').toArray()
    expect(answer.join('')).toContain('session_malformed')
  })
})

describe('the guard', () => {
  it('takes a token from nowhere but the header', async () => {
    const { app, signIn } = await startService()
    const { token } = await signIn()
    for (const request of [
      { url: `/v1/me?access_token=${token}` },
      { url: '/v1/me', headers: { cookie: `token=${token}` } },
      { url: '/v1/me', headers: { 'x-token': token } },
    ]) {
      expect((await app.inject(request)).json()).toMatchObject({ status: 401, code: 'session_missing' })
    }
  })

  it('tells the device why its session was ended', async () => {
    const { app, signIn } = await startService()
    const { headers, userId, sessionId } = await signIn()
    await app.weappAuth.revoke(userId, sessionId)
    const answer = await app.inject({ url: '/v1/me', headers })
    expect(answer.json()).toMatchObject({ status: 401, code: 'session_revoked', reason: 'admin' })
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"')
  })

  it('asks the session store alone, and answers 503 when that is gone, never 401', async () => {
    const { app, signIn, users, sessions } = await startService({
      host: (app) => app.get('/mine', { onRequest: app.authenticate }, async (request) => request.auth),
    })
    const { headers, userId, sessionId } = await signIn()
    users.findUser = () => Promise.reject(new Error('not asked'))
    users.ping = () => Promise.reject(new Error('not asked'))
    const answer = await app.inject({ url: '/mine', headers })
    expect(answer.json()).toEqual({ userId, sessionId, appid: 'wx0123456789abcdef' })
    await sessions.close()
    const down = await app.inject({ url: '/mine', headers })
    expect(down.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
    expect(down.headers['retry-after']).toBe('1')
  })

  it('does not run the handler of a request it refused, even with slow hooks around', async () => {
    let ran = false
    const { app } = await startService({
      host: (app) => {
        app.addHook('onSend', () => new Promise((resolve) => setTimeout(resolve, 5)))
        app.get('/mine', { onRequest: app.authenticate }, async () => {
          ran = true
        })
      },
    })
    expect((await app.inject('/mine')).statusCode).toBe(401)
    expect(ran).toBe(false)
  })
})

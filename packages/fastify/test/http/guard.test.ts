import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ApiError, authenticate, weappAuth } from '../../src/index.ts'
import { APPID, type Service, startService } from '../service.ts'

const MISSING = [401, 'session_missing', 'Bearer realm="weapp-auth"'] as const
const MALFORMED = [401, 'session_malformed', 'Bearer realm="weapp-auth", error="invalid_token"'] as const
const INVALID = [401, 'session_invalid', 'Bearer realm="weapp-auth", error="invalid_token"'] as const
const PASSES = [200, undefined, undefined] as const

describe('the Authorization header', () => {
  it.each([
    ['no header at all', () => undefined, MISSING],
    ['an empty header', () => '', MISSING],
    ['another scheme', () => 'Basic dXNlcjpwYXNz', MISSING],
    ['another scheme in front of a good token', (token: string) => `Basic Bearer ${token}`, MISSING],
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
  ])(
    'an Authorization header with %s gets exactly the answer of the wire contract',
    async (_, header, [status, code, challenge]) => {
      const { app, signIn } = await startService()
      const { token } = await signIn()
      const authorization = header(token)
      const answer = await app.inject({ url: '/v1/me', headers: authorization === undefined ? {} : { authorization } })
      expect([answer.statusCode, answer.json().code, answer.headers['www-authenticate']]).toEqual([
        status,
        code,
        challenge,
      ])
    },
  )

  it.each([undefined, 'Bearer'])(
    'a request with the Authorization header %j is told which header it needs',
    async (authorization) => {
      const { app } = await startService()
      const answer = await app.inject({ url: '/v1/me', headers: authorization ? { authorization } : {} })
      expect(answer.json().detail).toContain('Authorization: Bearer <token>')
    },
  )

  it('of two Authorization headers only the first one counts', async () => {
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
  it('the guard reads the token from the Authorization header only', async () => {
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

  it('the guard tells the device why its session was ended', async () => {
    const { app, signIn } = await startService()
    const { headers, userId, sessionId } = await signIn()
    await app.weappAuth.revoke(userId, sessionId)
    const answer = await app.inject({ url: '/v1/me', headers })
    expect(answer.json()).toMatchObject({ status: 401, code: 'session_revoked', reason: 'admin' })
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"')
  })

  it('the guard asks the session store alone, and answers 503 when that is gone, never 401', async () => {
    const { app, signIn, users, sessions } = await startService({
      host: (app) => app.get('/mine', { onRequest: authenticate }, async (request) => request.auth),
    })
    const { headers, userId, sessionId } = await signIn()
    users.findUser = () => Promise.reject(new Error('not asked'))
    users.ping = () => Promise.reject(new Error('not asked'))
    const answer = await app.inject({ url: '/mine', headers })
    expect(answer.json()).toEqual({ userId, sessionId, appid: 'wx0123456789abcdef', externalId: null })
    await sessions.close()
    const down = await app.inject({ url: '/mine', headers })
    expect(down.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
    expect(down.headers['retry-after']).toBe('1')
  })

  it('the handler of a request that the guard refused does not run, even with slow hooks around', async () => {
    let ran = false
    const { app } = await startService({
      host: (app) => {
        app.addHook('onSend', () => new Promise((resolve) => setTimeout(resolve, 5)))
        app.get('/mine', { onRequest: authenticate }, async () => {
          ran = true
        })
      },
    })
    expect((await app.inject('/mine')).statusCode).toBe(401)
    expect(ran).toBe(false)
  })
})

/** Where the guarded route stands, and what else is there when the guard refuses. */
const ORDERS = { 'the plugin first': 'host', 'the route first': 'early' } as const
const PLACES: Record<string, (app: FastifyInstance, options: object) => void> = {
  'a route': (app, options) => app.get('/mine', { ...options, onRequest: authenticate }, async ({ auth }) => auth),
  'a scope': (app, options) =>
    app.register(async (scope) => {
      scope.addHook('onRequest', authenticate)
      scope.get('/mine', options, async ({ auth }) => auth)
    }),
}
const hostHandler = (error: unknown, _request: FastifyRequest, reply: FastifyReply) =>
  reply.code(418).send({ handledByHost: (error as ApiError).code })

describe.each(Object.entries(ORDERS))('in a host application with %s', (_, when) => {
  describe.each(Object.entries(PLACES))('the guard of %s', (_, place) => {
    it('the guard lets a request with a live session in, and request.auth says whose session it is', async () => {
      const { app, signIn } = await startService({ [when]: (app: FastifyInstance) => place(app, {}) })
      const { headers, userId, sessionId } = await signIn()
      const answer = await app.inject({ url: '/mine', headers })
      expect(answer.json()).toEqual({ userId, sessionId, appid: APPID, externalId: null })
    })

    it('the guard answers a problem where the host has no error handler, whatever the schemas of the route', async () => {
      const schema = { response: { '4xx': { type: 'object', properties: { host: { type: 'string' } } } } }
      const { app, signIn } = await startService({ [when]: (app: FastifyInstance) => place(app, { schema }) })
      const { headers, userId, sessionId } = await signIn()
      await app.weappAuth.revoke(userId, sessionId)
      const answer = await app.inject({ url: '/mine', headers })
      expect(answer.statusCode).toBe(401)
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="weapp-auth", error="invalid_token"')
      expect(answer.json()).toEqual({
        type: 'urn:weapp-auth:problem:session_revoked',
        title: 'The session was ended',
        status: 401,
        code: 'session_revoked',
        reason: 'admin',
        requestId: expect.any(String),
      })
    })

    it.each([
      ['the application', (app: FastifyInstance) => app.setErrorHandler(hostHandler), {}],
      ['the route', () => {}, { errorHandler: hostHandler }],
    ])('what the guard throws goes to the error handler of %s', async (_, set, options) => {
      const { app } = await startService({
        early: (app) => {
          set(app)
          if (when === 'early') place(app, options)
        },
        host: (app) => {
          if (when === 'host') place(app, options)
        },
      })
      const answer = await app.inject('/mine')
      expect([answer.statusCode, answer.json()]).toEqual([418, { handledByHost: 'session_missing' }])
      expect((await app.inject('/v1/me')).json()).toMatchObject({ status: 401, code: 'session_missing' })
    })

    it('what the guard throws goes to the error handler that the host sets after the plugin, as far as Fastify uses it on the route', async () => {
      const { app } = await startService({
        [when]: (app: FastifyInstance) => place(app, {}),
        host: (app) => {
          if (when === 'host') place(app, {})
          app.setErrorHandler(hostHandler)
        },
      })
      // Fastify gives a route the handler that is set when the plugins before it have been awaited.
      const expected = when === 'host' ? { handledByHost: 'session_missing' } : { status: 401, code: 'session_missing' }
      expect((await app.inject('/mine')).json()).toMatchObject(expected)
    })

    it('what the guard throws is a problem where an error handler passes it on', async () => {
      const { app } = await startService({
        [when]: (app: FastifyInstance) => place(app, { errorHandler: (error: Error) => Promise.reject(error) }),
      })
      expect((await app.inject('/mine')).json()).toMatchObject({ status: 401, code: 'session_missing' })
    })
  })
})

it('without the plugin the guard answers 500 and tells the operator what is missing, and nobody gets in', async () => {
  const lines: string[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => void lines.push(line) } } })
  onTestFinished(() => app.close())
  let ran = 0
  app.get('/mine', { onRequest: authenticate }, async () => ++ran)
  const { app: elsewhere, signIn } = await startService()
  const { headers } = await signIn()
  // A plugin that was registered in a scope of its own guards that scope alone.
  app.register(async (scope) => {
    const { sessions, users } = await startService()
    await scope.register(weappAuth, { apps: [{ appid: 'wx1', secrets: ['s'] }], sessions, users })
  })
  expect(elsewhere.hasDecorator('authenticate')).toBe(false)
  for (const request of [{ url: '/mine' }, { url: '/mine', headers }]) {
    expect((await app.inject(request)).statusCode).toBe(500)
  }
  expect(ran).toBe(0)
  expect(lines.join('')).toContain('register weappAuth on this application, or on a parent of it')
})

it('with the plugin in two scopes, the guard of each scope uses the sessions of that scope', async () => {
  const app = Fastify()
  onTestFinished(() => app.close())
  const services = [await startService(), await startService()]
  for (const [i, { sessions, users }] of services.entries()) {
    app.register(async (scope) => {
      await scope.register(weappAuth, {
        apps: [{ appid: APPID, secrets: ['s'] }],
        prefix: `/auth${i}`,
        sessions,
        users,
      })
      scope.get(`/mine${i}`, { onRequest: authenticate }, async ({ auth }) => auth)
    })
  }
  const { headers } = await (services[0] as Service).signIn()
  const statuses = ['/mine0', '/mine1', '/auth0/v1/me', '/auth1/v1/me'].map(
    async (url) => (await app.inject({ url, headers })).statusCode,
  )
  expect(await Promise.all(statuses)).toEqual([200, 401, 200, 401])
})

it('the guard takes no name that plugins such as @fastify/jwt, @fastify/auth and @fastify/session take', async () => {
  const { app } = await startService({
    early: (app) => {
      for (const name of ['authenticate', 'jwt', 'auth', 'verify']) app.decorate(name, () => {})
      for (const name of ['user', 'session', 'jwtVerify', 'jwtDecode', 'login']) app.decorateRequest(name)
      app.decorateReply('jwtSign', () => {})
    },
    host: (app) => PLACES['a route']?.(app, {}),
  })
  expect((await app.inject('/mine')).statusCode).toBe(401)
})

import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import {
  ApiError,
  authenticate,
  type PhoneStore,
  problems,
  type User,
  type WeappAuthOptions,
  weappAuth,
} from '../src/index.ts'
import { createMemoryAccessTokenStore } from '../src/wechat/access-token.ts'
import { APPID, startService } from './service.ts'

describe('in a host application', () => {
  it('every route of the host keeps the error handling of the host', async () => {
    const seen: string[] = []
    const { app } = await startService({
      early: (app) => {
        app.setErrorHandler((error, _request, reply) => reply.code(418).send({ host: (error as Error).message }))
        app.addHook('onError', async (_request, _reply, error) => void seen.push(error.message))
      },
      host: (app) => {
        app.get('/fails', async () => {
          throw new Error('boom')
        })
        app.get(
          '/own',
          { errorHandler: (error, _request, reply) => reply.code(419).send({ own: error.message }) },
          async () => {
            throw new Error('boom')
          },
        )
        app.post(
          '/typed',
          { schema: { body: { type: 'object', properties: { n: { type: 'number' } } } } },
          async (request) => request.body,
        )
      },
    })
    const fails = await app.inject('/fails')
    expect([fails.statusCode, fails.json()]).toEqual([418, { host: 'boom' }])
    expect(seen).toEqual(['boom'])
    const own = await app.inject('/own')
    expect([own.statusCode, own.json()]).toEqual([419, { own: 'boom' }])
    const typed = await app.inject({ method: 'POST', url: '/typed', payload: { n: '5' } })
    expect(typed.json()).toEqual({ n: 5 })
    const text = await app.inject({
      method: 'POST',
      url: '/typed',
      payload: 'x',
      headers: { 'content-type': 'text/plain' },
    })
    expect(text.statusCode).toBe(418)
    expect((await app.inject('/nowhere')).json()).toMatchObject({ message: 'Route GET:/nowhere not found' })
  })

  it('a route without an error handler of the host fails as Fastify fails', async () => {
    const { app } = await startService({
      host: (app) =>
        app.get('/fails', async () => {
          throw Object.assign(new Error('teapot'), { statusCode: 418 })
        }),
    })
    expect((await app.inject('/fails')).json()).toEqual({ statusCode: 418, error: "I'm a Teapot", message: 'teapot' })
  })

  it('an error handler of the host that passes an error on runs once for each error', async () => {
    const seen: string[] = []
    const { app } = await startService({
      early: (app) =>
        app.setErrorHandler((error: Error) => {
          seen.push(error.message)
          throw error
        }),
      host: (app) => app.get('/fails', () => Promise.reject(new Error('boom'))),
    })
    expect((await app.inject('/fails')).json()).toMatchObject({ statusCode: 500, message: 'boom' })
    expect(seen).toEqual(['boom'])
  })

  it('an ApiError on a route of the host is answered as a problem, with one line in the log, and goes to an error handler of the host', async () => {
    const lines: { msg: string }[] = []
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const host = (app: FastifyInstance) => {
      app.get('/guarded', { onRequest: authenticate }, async () => 'in')
      app.get('/banned', () => Promise.reject(new ApiError('user_disabled', 'banned')))
    }
    const { app } = await startService({ server: { logger: { stream } }, host })
    for (const [url, code, msg] of [
      ['/guarded', 'session_missing', 'no bearer token'],
      ['/banned', 'user_disabled', 'banned'],
    ] as const) {
      lines.length = 0
      expect((await app.inject(url)).json()).toMatchObject({ code })
      expect(lines.map(({ msg }) => msg)).toEqual(['incoming request', msg, 'request completed'])
    }
    const handled = await startService({
      early: (app) =>
        app.setErrorHandler((error, _request, reply) => reply.code(418).send({ host: (error as Error).message })),
      host,
    })
    expect((await handled.app.inject('/banned')).json()).toEqual({ host: 'banned' })
  })

  it.each([
    ['a text', 'boom'],
    ['an object', { statusCode: 418, secret: 1 }],
    ['nothing', undefined],
  ])('a route that throws %s fails as Fastify fails, and is no success', async (_, thrown) => {
    const routes = (app: FastifyInstance) => {
      app.get('/throws', () => Promise.reject(thrown))
    }
    const plain = Fastify()
    routes(plain)
    const expected = await plain.inject('/throws')
    const { app } = await startService({ host: routes })
    const answer = await app.inject('/throws')
    expect(answer.statusCode).toBeGreaterThanOrEqual(400)
    expect([answer.statusCode, answer.body]).toEqual([expected.statusCode, expected.body])
  })

  it('a thrown value that is no Error reaches the error handler of the host, and the one of our routes', async () => {
    const host = (app: FastifyInstance) => {
      app.get('/throws', () => Promise.reject('boom'))
    }
    const handled = await startService({
      early: (app) => app.setErrorHandler((error, _request, reply) => reply.code(418).send({ error })),
      host,
    })
    const answer = await handled.app.inject('/throws')
    expect([answer.statusCode, answer.json()]).toEqual([418, { error: 'boom' }])
    const refusing = await startService({ early: (app) => app.addHook('onRequest', () => Promise.reject({ no: 1 })) })
    const refused = await refusing.app.inject('/v1/me')
    expect([refused.statusCode, refused.json().code]).toEqual([500, 'internal'])
  })

  it('schema compilers of the host are not used on our routes', async () => {
    const { app, signIn } = await startService({
      early: (app) => {
        app.setValidatorCompiler(() => () => ({ error: new Error('host') }))
        app.setSerializerCompiler(() => () => 'host')
      },
    })
    const { headers, userId } = await signIn()
    expect((await app.inject({ url: '/v1/me', headers })).json().user.id).toBe(userId)
  })

  it('every route under /v1 has a response schema, which keeps back each field that it does not name', async () => {
    const routes: Record<string, string[]> = {}
    const early = (app: FastifyInstance) =>
      app.addHook('onRoute', ({ method, url, schema }) => {
        if (url.startsWith('/v1/')) routes[`${method} ${url}`] = Object.keys(schema?.response ?? {})
      })
    await startService({ early, phones: { store: {} as PhoneStore } })
    expect(routes).toMatchObject({ 'POST /v1/sessions': ['201'], 'DELETE /v1/me/phone': ['204'] })
    expect(Object.entries(routes).filter(([, statuses]) => statuses.length === 0)).toEqual([])
  })

  it('a field that the response schema does not name is not sent', async () => {
    const { app, world, users, sessions, signIn } = await startService()
    const { headers } = await signIn()
    const more = <T extends User | null>(user: T): T =>
      user && { ...user, openid: 'o1', profile: { ...user.profile, openid: 'o1' } }
    const { findUser, updateProfile, signIn: findOrMake } = users
    const { list } = sessions
    const device = { model: 'x', openid: 'o1' }
    sessions.list = async (...args) => (await list(...args)).map((session) => ({ ...session, device }))
    users.findUser = async (...args) => more(await findUser(...args))
    users.updateProfile = async (...args) => more(await updateProfile(...args))
    users.signIn = async (...args) => {
      const signedIn = await findOrMake(...args)
      return 'user' in signedIn ? { ...signedIn, user: more(signedIn.user) } : signedIn
    }
    const payload = { appid: APPID, code: world.login('alice', APPID).code }
    for (const request of [
      { url: '/v1/me', headers },
      { url: '/v1/session', headers },
      { method: 'POST', url: '/v1/me/profile', headers, payload: { nickname: 'x' } },
      { method: 'POST', url: '/v1/sessions', payload },
      { url: '/v1/sessions', headers },
    ] as const) {
      const answer = await app.inject(request)
      expect([answer.statusCode, /"(profile|device)"/.test(answer.body)]).toEqual([
        request.payload === payload ? 201 : 200,
        true,
      ])
      expect(answer.body, request.url).not.toContain('openid')
    }
  })

  it('request.auth on a route without the guard says what is missing', async () => {
    const { app } = await startService({ host: (app) => app.get('/open', async (request) => request.auth) })
    expect((await app.inject('/open')).json().message).toContain('{ onRequest: authenticate }')
  })

  it('an unexpected error is answered without any detail', async () => {
    const { app, users, signIn } = await startService()
    const { headers } = await signIn()
    users.findUser = () => Promise.reject(new Error('column "openid" of o123 is odd'))
    const answer = await app.inject({ url: '/v1/me', headers })
    expect(answer.json()).toEqual({
      type: 'urn:weapp-auth:problem:internal',
      title: 'Something went wrong on the server',
      status: 500,
      code: 'internal',
      requestId: expect.any(String),
    })
  })
})

it('an access_token is the one of the store that the host shares among its processes', async () => {
  const accessTokens = createMemoryAccessTokenStore()
  await accessTokens.save(APPID, { value: 'of another process', ttlMs: 7_200_000 })
  const { app, world } = await startService({ accessTokens })
  expect(await app.weappAuth.accessToken(APPID)).toMatchObject({ value: 'of another process' })
  expect(world.ledger.count('stable_token')).toBe(0)
})

it('a prefix stands before the path of every route, and the routes of the host have none', async () => {
  const { app } = await startService({
    prefix: '/auth',
    host: (app) => app.get('/mine', { onRequest: authenticate }, async () => 'no'),
  })
  const codes = ['/auth/v1/me', '/auth/livez', '/v1/me', '/livez', '/mine'].map(
    async (url) => (await app.inject(url)).statusCode,
  )
  expect(await Promise.all(codes)).toEqual([401, 200, 404, 404, 401])
})

describe('the problems plugin', () => {
  it('the problems plugin answers every error and every unknown path of the application as a problem', async () => {
    const app = Fastify()
    await app.register(problems)
    app.get('/fails', async () => {
      throw new Error('secret detail')
    })
    app.get('/limited', async () => {
      throw Object.assign(new Error('slow down'), { statusCode: 429 })
    })
    const codes = ['/fails', '/limited', '/nowhere'].map(async (url) => (await app.inject(url)).json().code)
    expect(await Promise.all(codes)).toEqual(['internal', 'rate_limited', 'not_found'])
    expect((await app.inject('/fails')).body).not.toContain('secret')
    expect((await app.inject('/nowhere')).json().detail).toBe('there is nothing at this path')
  })

  it('a foreign 4xx status that has no code in the wire contract is kept, on our routes too, except 401', async () => {
    const refuse = (statusCode: number) => async () => {
      throw Object.assign(new Error('secret detail'), { statusCode })
    }
    const { app } = await startService({
      early: (app) => {
        app.register(problems)
        app.get('/forbidden', refuse(403))
        app.addHook('onRequest', async (request) => {
          if (request.headers['x-status']) await refuse(Number(request.headers['x-status']))()
        })
      },
    })
    const ask = async (url: string, status = '') => {
      const answer = await app.inject({ url, headers: { 'x-status': status } })
      return [answer.statusCode, answer.json()]
    }
    const forbidden = { type: 'about:blank', title: 'Forbidden', status: 403, requestId: expect.any(String) }
    expect(await ask('/forbidden')).toEqual([403, forbidden])
    expect(await ask('/v1/me', '403')).toEqual([403, forbidden])
    for (const status of ['499', '401', '302', '500', '502']) {
      expect(await ask('/v1/me', status), status).toMatchObject([500, { code: 'internal' }])
    }
  })
})

describe('app.weappAuth', () => {
  it('app.weappAuth finds the openid behind a user, on the server', async () => {
    const { app, signIn, world } = await startService()
    const { userId } = await signIn()
    const openid = world.openid('alice', APPID)
    expect(await app.weappAuth.findIdentity(userId, APPID)).toEqual({ openid, unionid: null })
    expect(await app.weappAuth.findIdentity(userId, 'wx2')).toBeNull()
    expect(await app.weappAuth.findIdentity('nobody', APPID)).toBeNull()
  })

  it('app.weappAuth starts a session for a user who signed in by other means', async () => {
    const { app, signIn } = await startService()
    const { userId } = await signIn()
    const issued = await app.weappAuth.issue(userId, { appid: APPID, device: { model: 'iPhone 15' } })
    expect(issued).toMatchObject({ tokenType: 'Bearer', expiresIn: 7_200, user: { id: userId, isNew: false } })
    const headers = { authorization: `Bearer ${issued.token}` }
    const { sessions } = (await app.inject({ url: '/v1/sessions', headers })).json()
    expect(sessions.find(({ current }: { current: boolean }) => current)).toMatchObject({
      id: issued.session.id,
      device: { model: 'iPhone 15' },
    })
    await expect(app.weappAuth.issue('nobody', { appid: APPID })).rejects.toThrow('there is no such user')
    await expect(app.weappAuth.issue(userId, { appid: 'wx2' })).rejects.toThrow(
      'this appid is not one of the option apps',
    )
  })

  it('issue ends the session that the phone had until then, if its header names one', async () => {
    const { app, signIn } = await startService()
    const { userId, headers } = await signIn()
    const isSignedIn = async () => (await app.inject({ url: '/v1/me', headers })).statusCode === 200
    for (const authorization of [undefined, '', 'Basic x', 'Bearer x', `Basic ${headers.authorization}`]) {
      await app.weappAuth.issue(userId, { appid: APPID, authorization })
      expect(await isSignedIn()).toBe(true)
    }
    // The scheme is in any case, with any number of spaces after it, as for the guard.
    await app.weappAuth.issue(userId, {
      appid: APPID,
      authorization: headers.authorization.replace('Bearer', 'bearer  '),
    })
    expect((await app.inject({ url: '/v1/me', headers })).json()).toMatchObject({ reason: 'replaced' })
  })

  it('app.weappAuth lists sessions and ends them', async () => {
    const { app, signIn } = await startService()
    const [first, second] = [await signIn(), await signIn()]
    const listed = await app.weappAuth.list(first.userId)
    expect(listed.map(({ id }) => id).sort()).toEqual([first.sessionId, second.sessionId].sort())
    expect(await app.weappAuth.revoke(first.userId, first.sessionId, { reason: 'replaced' })).toBe(true)
    expect(await app.weappAuth.revokeAll(first.userId)).toBe(1)
    const reasons = [first, second].map(
      async ({ headers }) => (await app.inject({ url: '/v1/me', headers })).json().reason,
    )
    expect(await Promise.all(reasons)).toEqual(['replaced', 'admin'])
  })
})

it.each<[Partial<WeappAuthOptions>, string]>([
  [{ apps: [] }, 'apps must name at least one mini-program'],
  [{ apps: [{ appid: 'wx 1', secrets: ['s'] }] }, 'an appid must have 1 to 64'],
  [{ apps: [{ appid: 'wx1', secrets: [] }] }, 'wx1 must have a secret'],
  [{ apps: [{ appid: 'wx1', secrets: ['s', ''] }] }, 'wx1 must have a secret'],
  [
    {
      apps: [
        { appid: 'wx1', secrets: ['s'] },
        { appid: 'wx1', secrets: ['t'] },
      ],
    },
    'must not name an appid twice',
  ],
  [{ sessionIdleSeconds: 0 }, 'sessionIdleSeconds must be a whole number of seconds'],
  [{ sessionAbsoluteSeconds: 1.5 }, 'sessionAbsoluteSeconds must be a whole number of seconds'],
  [{ wechatApiBaseUrl: 'api.weixin.qq.com' }, 'wechatApiBaseUrl must be an http or https URL'],
  [{ wechatApiBaseUrl: 'xhttp://api.weixin.qq.com' }, 'wechatApiBaseUrl must be an http or https URL'],
])('the options %j are refused by name', async (options, message) => {
  const app = Fastify()
  const good = { apps: [{ appid: 'wx1', secrets: ['s'] }], sessions: {}, users: {} } as unknown as WeappAuthOptions
  await expect(app.register(weappAuth, { ...good, ...options })).rejects.toThrow(message)
})

it('an ApiError carries the status of its code, and its cause where it has one', () => {
  const cause = new Error('the driver')
  expect(new ApiError('store_unavailable', 'x', { cause }).cause).toBe(cause)
  expect(new ApiError('store_unavailable', 'x')).not.toHaveProperty('cause')
  expect(new ApiError('store_unavailable', 'x')).toMatchObject({ statusCode: 503, name: 'ApiError', message: 'x' })
})

import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/index.ts'
import { APP_SECRET, APPID, startService } from '../service.ts'

const post = (payload: unknown, headers: Record<string, string> = {}) =>
  ({
    method: 'POST',
    url: '/v1/sessions',
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    headers: { 'content-type': 'application/json', ...headers },
  }) as const

describe('POST /v1/sessions', () => {
  it('POST /v1/sessions turns a code of wx.login into a session, and into the same user the next time', async () => {
    const { app, world } = await startService()
    const signIn = () => app.inject(post({ appid: APPID, code: world.login('alice', APPID).code, unknown: true }))
    const first = await signIn()
    expect(first.statusCode).toBe(201)
    expect(first.headers['cache-control']).toBe('no-store')
    expect(first.json()).toEqual({
      token: expect.stringMatching(/^wxs1\.[0-9a-f]{3}\.[\w-]{43}$/),
      tokenType: 'Bearer',
      expiresIn: 7_200,
      absoluteExpiresIn: 2_592_000,
      session: { id: expect.stringMatching(/^[\w-]{43}$/), createdAt: expect.stringMatching(/^20.*Z$/) },
      user: {
        id: expect.any(String),
        isNew: true,
        profile: { nickname: '', avatarUrl: '', gender: 0, country: '', province: '', city: '', language: '' },
      },
    })
    const second = await signIn()
    expect(second.json().user).toEqual({ ...first.json().user, isNew: false })
    expect(second.json().token).not.toBe(first.json().token)
  })

  it('a code is sent to WeChat once, however often it is posted', async () => {
    const { app, world } = await startService()
    const { code } = world.login('alice', APPID)
    const signIn = async () => (await app.inject(post({ appid: APPID, code }))).json()
    const answers = await Promise.all(Array.from({ length: 20 }, signIn))
    const refusals = answers.filter(({ token }) => token === undefined)
    expect(refusals).toHaveLength(19)
    const inProgress = 'this code is being exchanged by another request'
    for (const each of refusals) {
      expect(each).toMatchObject({ status: 409, code: 'login_in_progress', detail: inProgress })
    }
    const used = 'this code was used before: call wx.login for a new one'
    expect(await signIn()).toMatchObject({ status: 409, code: 'code_used', detail: used })
    expect(world.ledger.count('jscode2session')).toBe(1)
  })

  it.each([
    ['malformed JSON', '{"appid":', 400, 'request_invalid', 'the body is not valid JSON'],
    ['no body', '', 400, 'request_invalid', 'body must be object'],
    ['a list', [], 400, 'request_invalid', 'body must be object'],
    ['missing fields', {}, 400, 'request_invalid', 'appid is missing, code is missing'],
    ['a number as code', { appid: APPID, code: 5 }, 400, 'request_invalid', 'code must be string'],
    ['null as appid', { appid: null, code: 'c' }, 400, 'request_invalid', 'appid must be string'],
    ['an empty code', { appid: APPID, code: '' }, 400, 'request_invalid', 'code must be what wx.login returned'],
    [
      'a phone code, where no numbers are kept',
      { appid: APPID, code: 'c', phoneCode: 'p' },
      400,
      'request_invalid',
      'phoneCode: this service keeps no phone numbers',
    ],
    [
      'a code of 10 kB',
      { appid: APPID, code: 'c'.repeat(10_240) },
      400,
      'request_invalid',
      'code must be what wx.login returned',
    ],
    [
      'a code with a parameter in it',
      { appid: APPID, code: 'c&appid=x' },
      400,
      'request_invalid',
      'code must be what wx.login',
    ],
    [
      'an appid of 65 characters',
      { appid: 'a'.repeat(65), code: 'c' },
      400,
      'request_invalid',
      'appid must not have more than 64',
    ],
    [
      'a device that is no object',
      { appid: APPID, code: 'c', device: 'ios' },
      400,
      'request_invalid',
      'device must be object',
    ],
    [
      'a device field that is no text',
      { appid: APPID, code: 'c', device: { model: 5 } },
      400,
      'request_invalid',
      'device.model must be string',
    ],
    [
      'data over 4 kB',
      { appid: APPID, code: 'c', data: 'x'.repeat(4_095) },
      400,
      'request_invalid',
      'data must not have more than 4096 bytes',
    ],
    [
      'data nested deeper than it can be written',
      `{"appid":"${APPID}","code":"c","data":${'['.repeat(7_000)}${']'.repeat(7_000)}}`,
      400,
      'request_invalid',
      'data must not have more than 4096 bytes',
    ],
    [
      'a poisoned prototype',
      '{"appid":"a","code":"c","__proto__":{"x":1}}',
      400,
      'request_invalid',
      'the body is not valid JSON',
    ],
    [
      'an appid that is not configured',
      { appid: 'wx2', code: 'c' },
      404,
      'appid_unknown',
      'this appid is not configured here',
    ],
    [
      'an oversize body',
      { appid: APPID, code: 'c', x: 'x'.repeat(20_000) },
      413,
      'payload_too_large',
      'the body is larger',
    ],
  ])('POST /v1/sessions refuses %s and asks WeChat nothing', async (_, payload, status, code, detail) => {
    const { app, world } = await startService()
    const answer = await app.inject(post(payload))
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toEqual({
      type: `urn:weapp-auth:problem:${code}`,
      title: expect.any(String),
      status,
      code,
      requestId: expect.any(String),
      ...(detail !== undefined && { detail: expect.stringMatching(new RegExp(`^${detail}`)) }),
    })
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(world.ledger.count('jscode2session')).toBe(0)
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
    'refuses a body of %s',
    async (type) => {
      const { app } = await startService()
      const answer = await app.inject(post(`{"appid":"${APPID}","code":"c"}`, { 'content-type': type }))
      expect(answer.json()).toMatchObject({
        status: 415,
        code: 'media_type_unsupported',
        detail: 'send the body as application/json',
      })
    },
  )

  it('a sign-in cuts long device texts, and drops unknown device fields', async () => {
    const { app, world, sessions } = await startService()
    const { code } = world.login('alice', APPID)
    const device = { model: 'x'.repeat(100), system: 'iOS 17', battery: '5' }
    const { user } = (await app.inject(post({ appid: APPID, code, device }))).json()
    expect((await sessions.list(user.id, { nowMs: Date.now(), idleMs: 1 }))[0]?.device).toEqual({
      model: 'x'.repeat(64),
      system: 'iOS 17',
    })
  })

  it.each([
    [{ errcode: 40029 }, 400, 'code_invalid', undefined],
    [{ errcode: 40226 }, 403, 'wechat_user_blocked', undefined],
    [{ errcode: 45011 }, 429, 'wechat_rate_limited', '60'],
    [{ errcode: -1 }, 503, 'wechat_busy', '1'],
    [{ errcode: 40125 }, 500, 'wechat_misconfigured', undefined],
    [{ errcode: 99999 }, 500, 'internal', undefined],
    [{ reset: true }, 502, 'wechat_unreachable', undefined],
    [{ status: 502, body: '<html>' }, 502, 'wechat_bad_response', undefined],
  ])('when WeChat does %j, a sign-in answers %i %s', async (fault, status, code, retryAfter) => {
    const { app, world } = await startService()
    world.faults.set('jscode2session', fault)
    const answer = await app.inject(post({ appid: APPID, code: world.login('alice', APPID).code }))
    expect(answer.json()).toMatchObject({ status, code })
    expect(answer.json().detail === undefined).toBe(status >= 403)
    expect(answer.headers['retry-after']).toBe(retryAfter)
    expect(world.ledger.count('jscode2session')).toBe(1)
  })

  it('a sign-in with an appSecret that WeChat refuses tells the operator once, and goes on with the next appSecret', async () => {
    const warnings: string[] = []
    const { signIn } = await startService({
      server: { logger: { level: 'warn', stream: { write: (line) => void warnings.push(JSON.parse(line).msg) } } },
      apps: [{ appid: APPID, secrets: ['old', APP_SECRET] }],
    })
    for (const user of ['alice', 'bob', 'carol']) await signIn(user)
    expect(warnings).toEqual([expect.stringMatching(/^WeChat refuses appSecret 1 of 2 .*40125/)])
  })

  it.each(['users', 'sessions'] as const)(
    'a sign-in does not spend its code when the store of %s is down',
    async (down) => {
      const service = await startService()
      const { app, world } = service
      const { ping, claimCode } = { ...service.users, ...service.sessions }
      const unavailable = () => Promise.reject(new ApiError('store_unavailable', 'down', { retryAfterSeconds: 1 }))
      service.users.ping = down === 'users' ? unavailable : ping
      service.sessions.claimCode = down === 'sessions' ? unavailable : claimCode
      const { code } = world.login('alice', APPID)
      const answer = await app.inject(post({ appid: APPID, code }))
      expect(answer.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
      expect(answer.headers['retry-after']).toBe('1')
      expect(world.ledger.count('jscode2session')).toBe(0)
      service.users.ping = async () => {}
      service.sessions.claimCode = claimCode
      expect((await app.inject(post({ appid: APPID, code }))).statusCode).toBe(201)
    },
  )

  it('a sign-in calls onSignIn with the user, isNew and the data of the request', async () => {
    const calls: unknown[] = []
    const { app, world } = await startService({ onSignIn: (...call) => void calls.push(call) })
    const signIn = (data?: unknown) => app.inject(post({ appid: APPID, code: world.login('alice', APPID).code, data }))
    const { user } = (await signIn({ inviter: 'bob' })).json()
    await signIn()
    // With its quotation marks that is 4 kB.
    const longest = 'x'.repeat(4_094)
    await signIn(longest)
    const whole = expect.objectContaining({ id: user.id })
    expect(calls).toEqual([
      [whole, true, { inviter: 'bob' }, { appid: APPID, phone: null }],
      [whole, false, undefined, { appid: APPID, phone: null }],
      [whole, false, longest, { appid: APPID, phone: null }],
    ])
  })

  it('onSignIn is called again, with isNew false, when the sign-in failed after the first call', async () => {
    const calls: [string, boolean][] = []
    const { app, world, sessions } = await startService({
      onSignIn: ({ id }, isNew) => void calls.push([id, isNew]),
    })
    const { create } = sessions
    sessions.create = () => Promise.reject(new ApiError('store_unavailable', 'gone'))
    const signIn = () => app.inject(post({ appid: APPID, code: world.login('alice', APPID).code }))
    expect((await signIn()).statusCode).toBe(503)
    sessions.create = create
    const { user } = (await signIn()).json()
    expect(user.isNew).toBe(false)
    expect(calls).toEqual([
      [user.id, true],
      [user.id, false],
    ])
  })

  it('onSignIn can refuse a user', async () => {
    const { app, world } = await startService({
      onSignIn: async () => {
        throw new ApiError('user_disabled', 'banned for spam')
      },
    })
    const answer = await app.inject(post({ appid: APPID, code: world.login('alice', APPID).code }))
    expect(answer.json()).toMatchObject({ status: 403, code: 'user_disabled' })
    expect(answer.body).not.toContain('spam')
  })
})

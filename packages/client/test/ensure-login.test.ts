import { describe, expect, test } from 'vitest'
import type { Wx } from '../src/index.ts'
import { IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone, withStringStatus } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('ensureLogin', () => {
  test('ensureLogin logs in once when nothing is stored, and does not call wx.checkSession', async () => {
    const { auth, count, service } = createPhone()
    expect(auth.getSession()).toBeNull()
    const session = await auth.ensureLogin()
    expect(session).toMatchObject({ id: 's1', user: { id: 'u1', isNew: true } })
    expect(JSON.stringify(session)).not.toContain('token')
    expect(auth.getSession()).toEqual(session)
    expect(count('wx.login')).toBe(1)
    await auth.ensureLogin()
    expect(count('wx.checkSession')).toBe(0)
    expect(service.paths()).toEqual(['POST /v1/sessions'])
  })

  test('many calls at once cause one login', async () => {
    const { auth, count } = createPhone()
    const sessions = await Promise.all(Array.from({ length: 20 }, () => auth.ensureLogin()))
    expect(new Set(sessions.map(({ id }) => id))).toEqual(new Set(['s1']))
    expect(count('wx.login')).toBe(1)
  })

  test('a stored session that is valid needs neither a login nor an exchange', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    const auth = phone.restart()
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1', user: { id: 'u1', isNew: false } })
    await auth.ensureLogin()
    await auth.request({ url: '/products' })
    expect(phone.count('wx.login')).toBe(1)
    expect(phone.count('wx.checkSession')).toBe(1)
    expect(phone.service.paths()).toEqual(['POST /v1/sessions', 'GET /products'])
  })

  test('an expired session_key costs one login', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.world.expireSessionKey(phone.device.user, phone.device.appid)
    const auth = phone.restart()
    expect(await Promise.all([auth.ensureLogin(), auth.ensureLogin()])).toMatchObject([{ id: 's2' }, { id: 's2' }])
    await auth.ensureLogin()
    expect(phone.count('wx.login')).toBe(2)
    expect(phone.count('wx.checkSession')).toBe(1)
  })

  test('a session_key that cannot be checked offline keeps the session and causes no login', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.network.setOnline(false)
    const auth = phone.restart()
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(phone.count('wx.checkSession')).toBe(1)
    expect(phone.count('wx.login')).toBe(1)
  })

  test.each([
    'checkSession:fail network error',
    'checkSession:fail offline',
    'checkSession:fail interrupted',
    'fail timeout',
  ])('a check that failed with "%s" has told nothing of the session_key', async (errMsg) => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.checkSession', { errMsg })
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's1' })
    expect(phone.count('wx.login')).toBe(1)
  })

  test.each([
    ['the network', 'lose' as const, 'lose' as const],
    ['a 5xx', problem(503, 'store_unavailable'), problem(503, 'store_unavailable')],
  ])('the old session stays when the login after a dead session_key fails by %s', async (_, first, second) => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.world.expireSessionKey(phone.device.user, phone.device.appid)
    phone.service.exchanges.push(first, second)
    const auth = phone.restart()
    const ensured = watch(auth.ensureLogin())
    await phone.advance(300)
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's1' } })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })

  test.each([
    problem(403, 'wechat_user_blocked'),
    problem(404, 'appid_unknown'),
    problem(500, 'wechat_misconfigured'),
    problem(429, 'rate_limited'),
  ])('a sign-in refused after a dead session_key leaves a session that works: %o', async (answer) => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.world.expireSessionKey(phone.device.user, phone.device.appid)
    phone.service.exchanges.push(answer)
    const auth = phone.restart()
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(phone.count('wx.login')).toBe(2)
  })

  test('a silent wx.checkSession is waited for two seconds, and by no request', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.checkSession', { hang: true })
    const auth = phone.restart()
    const ensured = watch(auth.ensureLogin())
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    await phone.advance(1_999)
    expect(ensured.state).toBe('pending')
    await phone.advance(1)
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's1' } })
    expect(phone.count('wx.login')).toBe(1)
  })

  test('a session_key found dead late costs no login when the session was renewed meanwhile', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.checkSession', { delayMs: 1_000, errMsg: 'session time out, need relogin' })
    phone.service.revokeAll()
    const auth = phone.restart()
    const ensured = watch(auth.ensureLogin())
    await auth.request({ url: '/products' })
    await phone.advance(1_000)
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's2' } })
    expect(phone.count('wx.login')).toBe(2)
  })

  test('a session_key found dead while no login may begin leaves the session', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin' })
    phone.service.exchanges.push({ status: 503 }, { status: 503 })
    const auth = phone.restart()
    const forced = watch(auth.ensureLogin({ force: true }))
    await phone.advance(300)
    expect(forced).toMatchObject({ state: 'rejected', error: { code: 'unavailable' } })
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
  })

  test('a session_key found dead late leaves the session, also when the sign-in is then refused', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.checkSession', { delayMs: 3_000, errMsg: 'session time out, need relogin' })
    phone.service.exchanges.push(problem(403, 'wechat_user_blocked'))
    const auth = phone.restart()
    const ensured = watch(auth.ensureLogin())
    await phone.advance(2_000)
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's1' } })
    await phone.advance(1_000)
    expect(phone.count('wx.login')).toBe(2)
    expect(auth.getSession()).toMatchObject({ id: 's1' })
  })

  test("checkSession: 'never' does not call wx.checkSession", async () => {
    const phone = createPhone({ checkSession: 'never' })
    await phone.auth.ensureLogin()
    await flush()
    await phone.restart().ensureLogin()
    expect(phone.count('wx.checkSession')).toBe(0)
  })

  test('force logs in although there is a session', async () => {
    const { auth, count } = createPhone()
    await auth.ensureLogin()
    expect(await auth.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
    expect(count('wx.login')).toBe(2)
  })

  test('the session made by force is stored, although the expiry has hardly moved', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await phone.auth.ensureLogin({ force: true })
    await flush()
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's2' })
  })
})

describe('a failing login', () => {
  test.each([
    [problem(400, 'request_invalid'), 'login_rejected', false],
    [problem(403, 'wechat_user_blocked'), 'login_rejected', false],
    [problem(429, 'rate_limited'), 'login_throttled', true],
    [{ status: 200, data: '<html>captive portal</html>' }, 'bad_response', false],
    [{ status: 201, data: { token: 'a b' } }, 'bad_response', false],
  ] as const)('is told by its code and made once: %o', async (answer, code, retryable) => {
    const { auth, service, advance, count } = createPhone()
    service.exchanges.push(answer)
    const ensured = watch(auth.ensureLogin())
    await advance(400)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code, retryable } })
    expect(count('wx.login')).toBe(1)
  })

  test('a failing login gets its code also from a status that is a string', async () => {
    const phone = createPhone()
    const auth = phone.restart({ wx: withStringStatus(phone.device.wx) })
    phone.service.exchanges.push(problem(429, 'rate_limited'))
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_throttled', statusCode: 429 })
  })

  test.each([
    ['token', 'a b'],
    ['token', undefined],
    ['expiresIn', 0],
    ['absoluteExpiresIn', null],
    ['session', {}],
    ['user', null],
    ['user', 'u1'],
  ])('by an answer whose %s is %j is told as bad_response', async (name, value) => {
    const { auth, service } = createPhone()
    service.exchanges.push({ status: 201, data: { ...service.issue(), [name]: value } })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'bad_response' })
    expect(auth.getSession()).toBeNull()
  })

  test('with an error status fails although its body looks like a session', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push({ status: 403, data: service.issue() })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_rejected' })
  })

  test('puts nothing of the answer into the message but a code', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push({ status: 400, data: { code: 'no such code: 0a1B2c' } })
    const error: unknown = await auth.ensureLogin().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'login_rejected' })
    expect(String(error)).not.toContain('0a1B2c')
  })

  test('a failing login aborts its exchange at the deadline', async () => {
    const { auth, device, service, advance } = createPhone({ loginTimeoutMs: 5_000 })
    device.faults.set('wx.login', { delayMs: 3_000, times: 1 })
    service.exchanges.push('hold')
    const ensured = watch(auth.ensureLogin())
    await advance(3_000)
    expect(service.held[0]?.isGivenUp()).toBe(false)
    await advance(2_000)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    expect(service.held[0]?.isGivenUp()).toBe(true)
  })

  test('a failing login ends at its deadline when wx.login never calls back, and a late code is not sent', async () => {
    const { auth, device, service, advance } = createPhone({ loginTimeoutMs: 5_000 })
    device.faults.set('wx.login', { delayMs: 6_000, times: 1 })
    const ensured = watch(auth.ensureLogin())
    const fails: unknown[] = []
    auth.on('loginFail', (error) => fails.push(error))
    await advance(5_000)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    await advance(5_000)
    expect(service.calls).toEqual([])
    expect(fails).toMatchObject([{ code: 'login_timeout' }])
  })

  test('a session that comes after the deadline is not used, and revoked', async () => {
    const phone = createPhone()
    const { wx } = phone.device
    // A network layer that knows neither timeout nor abort.
    const request: typeof wx.request = (options) => ({
      ...wx.request({ ...options, timeout: 60_000 }),
      abort() {},
    })
    const deaf = { ...wx, request }
    const auth = phone.restart({ wx: deaf, loginTimeoutMs: 5_000 })
    phone.service.exchanges.push('hold')
    const ensured = watch(auth.ensureLogin())
    await phone.advance(5_000)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    await phone.service.held[0]?.answer(201, phone.service.issue())
    expect(auth.getSession()).toBeNull()
    expect(phone.service.sessions.get('wxs1.000.token-1')).toBe('signed_out')
  })
})

describe('a wx that misbehaves', () => {
  test.each<[string, Partial<Wx>]>([
    [
      'wx.login throws',
      {
        login() {
          throw new Error('no login here')
        },
      },
    ],
    ['wx.login fails with nothing', { login: ({ fail }) => fail?.(undefined as never) }],
    ['wx.login gives no code', { login: ({ success }) => success?.({ code: '' } as never) }],
    ['wx.login succeeds with nothing', { login: ({ success }) => success?.(undefined as never) }],
    ['wx.login answers from a cache', { login: ({ success }) => success?.({ code: 'c', fromCache: true }) }],
  ])('%s: login_failed, also for the event', async (_, broken) => {
    const phone = createPhone()
    const auth = phone.restart({ wx: { ...phone.device.wx, ...broken } })
    const fails: unknown[] = []
    auth.on('loginFail', (error) => fails.push(error))
    const ensured = watch(auth.ensureLogin())
    await phone.advance(300)
    expect(ensured).toMatchObject({ state: 'rejected', error: { name: 'AuthError', code: 'login_failed' } })
    await phone.advance(0)
    expect(fails).toMatchObject([{ name: 'AuthError', code: 'login_failed' }])
  })

  test('wx.checkSession that fails without a message counts as an expired session_key', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    const checkSession: Wx['checkSession'] = ({ fail }) => fail?.(undefined as never)
    const auth = phone.restart({ wx: { ...phone.device.wx, checkSession } })
    expect(await auth.ensureLogin()).toMatchObject({ id: 's2' })
  })
})

describe('the expiry', () => {
  test('a session that has expired by the clock leads to one login before the request is sent', async () => {
    const { auth, service, advance, count } = createPhone()
    await auth.ensureLogin()
    await advance(IDLE_SECONDS * 1_000)
    expect(auth.getSession()).toBeNull()
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
    expect(service.paths()).toEqual(['POST /v1/sessions', 'POST /v1/sessions', 'GET /products'])
  })

  test('of a user who comes back every hour for 29 days is never reached', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    let auth = phone.auth
    for (let day = 0; day < 29; day++) {
      for (let hour = 0; hour < 24; hour++) {
        await auth.request({ url: '/products' })
        await phone.advance(3_600_000)
      }
      auth = phone.restart()
    }
    expect(phone.count('wx.login')).toBe(1)
  })

  test('the expiry moves with use, up to the absolute lifetime', async () => {
    const phone = createPhone()
    phone.service.absoluteSeconds = 3 * IDLE_SECONDS
    await phone.auth.ensureLogin()
    for (let i = 0; i < 5; i++) {
      await phone.advance((IDLE_SECONDS / 2) * 1_000)
      await phone.auth.request({ url: '/products' })
    }
    expect(phone.count('wx.login')).toBe(1)
    await phone.advance((IDLE_SECONDS / 2) * 1_000)
    await phone.auth.request({ url: '/products' })
    expect(phone.count('wx.login')).toBe(2)
  })

  test('the expiry does not move with a 5xx', async () => {
    const { auth, service, advance } = createPhone()
    const { expiresAtMs } = await auth.ensureLogin()
    await advance(60_000)
    service.business = () => problem(503, 'store_unavailable')
    expect((await auth.request({ url: '/products' })).statusCode).toBe(503)
    expect(auth.getSession()?.expiresAtMs).toBe(expiresAtMs)
  })

  test('the expiry does not move with an answer to an earlier token', async () => {
    const { auth, service, advance } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const request = watch(auth.request({ url: '/slow' }))
    await flush()
    const { expiresAtMs } = await auth.ensureLogin({ force: true })
    await advance(10_000)
    await service.held[0]?.answer(200)
    expect(request.state).toBe('resolved')
    expect(auth.getSession()?.expiresAtMs).toBe(expiresAtMs)
  })

  test('the expiry is not written again right after a start', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    let writes = 0
    const setStorage: Wx['setStorage'] = (options) => {
      writes++
      return phone.device.wx.setStorage(options)
    }
    const auth = phone.restart({ wx: { ...phone.device.wx, setStorage } })
    await auth.request({ url: '/products' })
    await flush()
    expect(writes).toBe(0)
  })

  test('the expiry is written at most every tenth of the lifetime', async () => {
    const { auth, device, advance } = createPhone()
    await auth.ensureLogin()
    await flush()
    let writes = 0
    const { setStorage } = device.wx
    Object.assign(device.wx, {
      setStorage: (options: Parameters<typeof setStorage>[0]) => {
        writes++
        return setStorage(options)
      },
    })
    for (let i = 0; i < 20; i++) {
      await advance((IDLE_SECONDS / 20) * 1_000)
      await auth.request({ url: '/products' })
    }
    await flush()
    expect(writes).toBe(10)
  })
})

describe('events', () => {
  test('a handler may call the package again, and one that throws hides nothing', async () => {
    const { auth, advance } = createPhone()
    const seen: string[] = []
    auth.on('login', () => {
      throw new Error('from a handler')
    })
    const off = auth.on('login', async ({ id }) => {
      seen.push(id, (await auth.ensureLogin()).id)
    })
    await auth.ensureLogin()
    await expect(advance(0)).rejects.toThrow('from a handler')
    await advance(0)
    expect(seen).toEqual(['s1', 's1'])
    off()
    await auth.ensureLogin({ force: true })
    await expect(advance(0)).rejects.toThrow('from a handler')
    await advance(0)
    expect(seen).toHaveLength(2)
  })

  test('events are emitted after those who waited for the login have got its result', async () => {
    const { auth, advance } = createPhone()
    const order: string[] = []
    auth.on('login', () => order.push('handler'))
    void auth.ensureLogin().then(() => order.push('caller'))
    await flush()
    expect(order).toEqual(['caller'])
    await advance(0)
    expect(order).toEqual(['caller', 'handler'])
  })

  test('an unknown event is refused', () => {
    const { auth } = createPhone()
    expect(() => auth.on('signin' as 'login', () => {})).toThrow(TypeError)
  })
})

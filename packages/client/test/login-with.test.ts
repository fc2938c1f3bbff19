import { describe, expect, test } from 'vitest'
import { type Call, IDLE_SECONDS, problem } from './fake-service.ts'
import { BASE_URL, createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

const PASSWORD = { url: '/login', data: { name: 'alice', password: 'secret' } }

/** A phone whose service knows one more way to sign in, which takes its time once `slow` is set. */
function createPhoneWithPasswords(options: Parameters<typeof createPhone>[0] = {}) {
  const phone = createPhone(options)
  const { service } = phone
  const { route } = service
  const way = { slow: false }
  service.route = (call) => {
    if (call.path !== '/login') return route(call)
    if (call.body.password !== 'secret') return problem(400, 'request_invalid')
    return way.slow ? 'hold' : { status: 201, data: service.issue() }
  }
  return { ...phone, way }
}

describe('loginWith', () => {
  test('loginWith makes a session out of what the address answers, without wx.login', async () => {
    const { auth, service, count } = createPhoneWithPasswords()
    expect(await auth.loginWith(PASSWORD)).toMatchObject({ id: 's1', user: { id: 'u1' } })
    expect(service.calls[0]).toMatchObject({ method: 'POST', url: `${BASE_URL}/login`, body: PASSWORD.data })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(0)
  })

  test('loginWith is told to the handlers of login', async () => {
    const { auth, advance } = createPhoneWithPasswords()
    const ids: string[] = []
    auth.on('login', ({ id }) => ids.push(id))
    await auth.loginWith(PASSWORD)
    await advance(0)
    expect(ids).toEqual(['s1'])
  })

  test('a failed one leaves the current session and stops no other login', async () => {
    const { auth, count } = createPhoneWithPasswords()
    await auth.ensureLogin()
    const wrong = { ...PASSWORD, data: { password: 'wrong' } }
    await expect(auth.loginWith(wrong)).rejects.toMatchObject({ code: 'login_rejected', problem: 'request_invalid' })
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(await auth.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
    expect(count('wx.login')).toBe(2)
  })

  test('a failed one leaves the current session, also when it replaced a login for a dead session_key', async () => {
    const phone = createPhoneWithPasswords()
    await phone.auth.ensureLogin()
    await flush()
    phone.world.expireSessionKey(phone.device.user, phone.device.appid)
    phone.service.exchanges.push('hold')
    const auth = phone.restart()
    const ensured = watch(auth.ensureLogin())
    await flush()
    const wrong = { ...PASSWORD, data: { password: 'wrong' } }
    await expect(auth.loginWith(wrong)).rejects.toMatchObject({ code: 'login_rejected' })
    await flush()
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's1' } })
  })

  test('a failed one delays no later silent login', async () => {
    const { auth } = createPhoneWithPasswords()
    const wrong = { ...PASSWORD, data: { password: 'wrong' } }
    await expect(auth.loginWith(wrong)).rejects.toMatchObject({ code: 'login_rejected' })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })

  test('a failed one rejects a request that waited for the login it replaced', async () => {
    const { auth, service } = createPhoneWithPasswords()
    service.exchanges.push('hold')
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    const wrong = { ...PASSWORD, data: { password: 'wrong' } }
    await expect(auth.loginWith(wrong)).rejects.toMatchObject({ code: 'login_rejected' })
    await flush()
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'login_rejected' } })
  })

  test('loginWith sends the token of the session it replaces, so that the service can end it', async () => {
    const { auth, service } = createPhoneWithPasswords()
    await auth.ensureLogin()
    await auth.loginWith(PASSWORD)
    expect(service.calls.at(-1)).toMatchObject({ path: '/login', token: 'wxs1.000.token-1' })
  })

  test('loginWith is sent once, because its data may be valid only once', async () => {
    const { auth, service, advance } = createPhoneWithPasswords()
    service.route = () => 'lose'
    const signedIn = watch(auth.loginWith(PASSWORD))
    await advance(1_000)
    expect(signedIn).toMatchObject({ state: 'rejected', error: { code: 'network' } })
    expect(service.calls).toHaveLength(1)
  })

  test('loginWith settles within loginTimeoutMs', async () => {
    const { auth, service, advance } = createPhoneWithPasswords()
    service.route = () => 'hold'
    const signedIn = watch(auth.loginWith(PASSWORD))
    await advance(15_000)
    expect(signedIn).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
  })

  test('again and again keeps nobody waiting for longer than one sign-in may take', async () => {
    const { auth, service, advance } = createPhoneWithPasswords()
    service.route = () => 'hold'
    const ensured = watch(auth.ensureLogin())
    await advance(10_000)
    const first = watch(auth.loginWith(PASSWORD))
    await advance(8_999)
    const second = watch(auth.loginWith(PASSWORD))
    expect(ensured.state).toBe('pending')
    await advance(1)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    await advance(9_999)
    expect(first.state).toBe('pending')
    await advance(1)
    expect(first).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    await service.held[2]?.answer(201, service.issue())
    await flush()
    expect(second).toMatchObject({ state: 'resolved', value: { id: 's1' } })
  })

  test('loginWith goes before a silent login, whose callers get its session', async () => {
    const { auth, service } = createPhoneWithPasswords()
    service.exchanges.push('hold')
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    expect(await auth.loginWith(PASSWORD)).toMatchObject({ id: 's1' })
    await flush()
    expect(service.held[0]?.isGivenUp()).toBe(true)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(service.calls.at(-1)).toMatchObject({ token: 'wxs1.000.token-1' })
  })

  test('loginWith ends a signed-out state', async () => {
    const { auth } = createPhoneWithPasswords()
    await auth.ensureLogin()
    await auth.logout()
    expect(await auth.loginWith(PASSWORD)).toMatchObject({ id: 's2' })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })

  test('loginWith is abandoned by a logout', async () => {
    const { auth, service } = createPhoneWithPasswords()
    service.route = () => 'hold'
    const signedIn = watch(auth.loginWith(PASSWORD))
    await flush()
    await auth.logout()
    await flush()
    expect(signedIn).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(auth.getSession()).toBeNull()
  })

  test.each(['https://evil.com/login', '//evil.com/login', 'login', undefined])('loginWith refuses %s', async (url) => {
    const { auth, service } = createPhoneWithPasswords()
    const signedIn = auth.loginWith({ url: url as string, data: {} })
    await expect(signedIn).rejects.toMatchObject({
      code: 'invalid_argument',
      errMsg: expect.stringMatching(/^loginWith:fail/),
    })
    expect(service.calls).toEqual([])
  })
})

describe('a session made by loginWith', () => {
  test('a session made by loginWith ends with a logout event when the service refuses it: no silent login follows', async () => {
    const { auth, service, count, advance } = createPhoneWithPasswords()
    const reasons: string[] = []
    auth.on('logout', ({ reason }) => reasons.push(reason))
    await auth.loginWith(PASSWORD)
    service.revokeAll()
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    await advance(0)
    expect(reasons).toEqual(['expired'])
    expect(count('wx.login')).toBe(0)
  })

  test('a session made by loginWith tells the reason that the service gave', async () => {
    const { auth, service, advance } = createPhoneWithPasswords()
    const reasons: string[] = []
    auth.on('logout', ({ reason }) => reasons.push(reason))
    await auth.loginWith(PASSWORD)
    service.revokeAll('limit')
    await auth.request({ url: '/products' }).catch(() => {})
    await advance(0)
    expect(reasons).toEqual(['limit'])
  })

  test('a session made by loginWith stays after its expiry has passed: only the service ends it', async () => {
    const { auth, count, advance } = createPhoneWithPasswords()
    await auth.loginWith(PASSWORD)
    await advance(2 * IDLE_SECONDS * 1000)
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(count('wx.login')).toBe(0)
  })

  test('a session made by loginWith survives a restart, and checkSession is not asked about it', async () => {
    const phone = createPhoneWithPasswords()
    await phone.auth.loginWith(PASSWORD)
    await flush()
    phone.device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin' })
    const auth = phone.restart()
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    expect(phone.count('wx.checkSession')).toBe(0)
    phone.service.revokeAll()
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('a session made by loginWith does not replay a request that began in another session', async () => {
    const { auth, service } = createPhoneWithPasswords()
    await auth.ensureLogin()
    service.business = (call) => (call.path === '/slow' ? 'hold' : service.answerFor(call.token))
    const slow = watch(auth.request({ url: '/slow', method: 'POST', data: { draft: 1 } }))
    await flush()
    service.revokeAll()
    await auth.loginWith(PASSWORD)
    await service.held[0]?.answer(401, problem(401, 'session_invalid').data)
    expect(slow).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
    expect(auth.getSession()).toMatchObject({ id: 's2' })
  })

  test('a session made by loginWith is never used for a request of another user, whichever answer comes first', async () => {
    const { auth, service, way } = createPhoneWithPasswords()
    await auth.ensureLogin()
    service.business = (call) => (call.path === '/transfer' ? 'hold' : service.answerFor(call.token))
    const transfer = watch(auth.request({ url: '/transfer', method: 'POST', data: { to: 'bob' } }))
    await flush()
    way.slow = true
    const signedIn = watch(auth.loginWith(PASSWORD))
    await flush()
    // The sign-in carried the old token, so the service has ended that session before it answers.
    await service.held[0]?.answer(401, problem(401, 'session_revoked', 'replaced').data)
    await service.held[1]?.answer(201, service.issue())
    await flush()
    expect(signedIn.state).toBe('resolved')
    expect(transfer).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
    expect(service.calls.filter(({ path }) => path === '/transfer')).toHaveLength(1)
  })

  test('its requests are not replayed for the WeChat user who signs in after it', async () => {
    const { auth, service } = createPhoneWithPasswords()
    await auth.loginWith(PASSWORD)
    service.business = (call) => (service.held.length === 0 ? 'hold' : service.answerFor(call.token))
    const transfer = watch(auth.request({ url: '/transfer', method: 'POST' }))
    await flush()
    await auth.ensureLogin({ force: true })
    await service.held[0]?.answer(401, problem(401, 'session_revoked', 'replaced').data)
    await flush()
    expect(transfer).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
    expect(service.calls.filter(({ path }) => path === '/transfer')).toHaveLength(1)
  })

  test('a refusal in the background does not end the sign-in that replaces it', async () => {
    const { auth, service, way } = createPhoneWithPasswords()
    await auth.loginWith(PASSWORD)
    service.business = () => 'hold'
    const poll = watch(auth.request({ url: '/poll' }))
    await flush()
    way.slow = true
    const signedIn = watch(auth.loginWith(PASSWORD))
    await flush()
    await service.held[0]?.answer(401, problem(401, 'session_revoked', 'replaced').data)
    await service.held[1]?.answer(201, service.issue())
    await flush()
    expect(poll.state).toBe('rejected')
    expect(signedIn).toMatchObject({ state: 'resolved', value: { id: 's2' } })
  })

  test("a session made by loginWith takes the reason of its end from the service's own problem only", async () => {
    const told: string[] = []
    const { auth, service, advance } = createPhoneWithPasswords({ logger: (line) => told.push(line) })
    auth.on('logout', ({ reason }) => told.push(reason))
    await auth.loginWith(PASSWORD)
    const refuse = ({ token }: Call) => ({
      status: 401,
      data: { error: 'unauthorized', reason: `${token} has expired` },
    })
    service.business = refuse
    service.sessionRoute = refuse
    await expect(auth.request({ url: '/a' })).rejects.toMatchObject({ code: 'logged_out' })
    await advance(0)
    expect(told.slice(1)).toEqual(['expired', 'logout expired'])
  })

  test('a session made by loginWith is still stored at the next start although the storage has been full since', async () => {
    const phone = createPhoneWithPasswords()
    const { auth, device, advance } = phone
    await auth.loginWith(PASSWORD)
    await flush()
    device.faults.set('wx.setStorage', { errMsg: 'setStorage:fail exceed storage max size 10Mb' })
    await advance(IDLE_SECONDS * 500)
    await auth.request({ url: '/a' })
    await flush()
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's1' })
    expect(phone.count('wx.login')).toBe(0)
  })
})

import { describe, expect, test } from 'vitest'
import { IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

const ENCRYPTED = { encryptedData: 'AAAA', iv: 'BBBB' }
const DEAD = { errMsg: 'session time out, need relogin' }

/** A phone whose service decrypts. */
function createPhoneWithDecrypt() {
  const phone = createPhone()
  const { service } = phone
  service.business = (call) => {
    if (call.path !== '/v1/open-data/decrypt') return null as never
    const { status, data } = service.answerFor(call.token)
    return status === 200 ? { status, data: { data: { steps: 100, sent: call.body } } } : { status, data }
  }
  return phone
}

describe('ensureSessionKey', () => {
  test('ensureSessionKey asks WeChat and makes no login while the key is valid', async () => {
    const { auth, count } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await auth.ensureSessionKey()
    expect(count('wx.checkSession')).toBe(1)
    expect(count('wx.login')).toBe(1)
  })

  test('ensureSessionKey makes one login when the key has expired, however many calls there are', async () => {
    const { auth, device, count } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    device.faults.set('wx.checkSession', DEAD)
    await Promise.all([auth.ensureSessionKey(), auth.ensureSessionKey(), auth.ensureSessionKey()])
    expect(count('wx.login')).toBe(2)
  })

  test('ensureSessionKey signs in when nobody is signed in', async () => {
    const { auth, count } = createPhoneWithDecrypt()
    await auth.ensureSessionKey()
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(count('wx.login')).toBe(1)
  })

  test('ensureSessionKey keeps the key until decrypt has settled: an expired session starts no login', async () => {
    const { auth, service, count, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await advance(IDLE_SECONDS * 1000 - 10_000)
    await auth.ensureSessionKey()
    await advance(20_000)
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(1)
    expect(await auth.decrypt(ENCRYPTED)).toEqual({ steps: 100, sent: ENCRYPTED })
    expect(service.usedCodes).toHaveLength(1)
  })

  test('releases the key then, also when decrypt fails', async () => {
    const { auth, service, count, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await advance(IDLE_SECONDS * 1000 - 10_000)
    await auth.ensureSessionKey()
    service.business = () => problem(503, 'store_unavailable')
    await expect(auth.decrypt(ENCRYPTED)).rejects.toMatchObject({ code: 'unavailable' })
    await advance(20_000)
    await auth.request({ url: '/products' })
    expect(count('wx.login')).toBe(2)
  })

  test('releases the key after 60 s in any case', async () => {
    const { auth, count, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await advance(IDLE_SECONDS * 1000 - 10_000)
    await auth.ensureSessionKey()
    await advance(59_999)
    await auth.request({ url: '/a', auth: 'none' })
    expect(auth.getSession()).not.toBeNull()
    await advance(1)
    expect(auth.getSession()).toBeNull()
    await auth.request({ url: '/products' })
    expect(count('wx.login')).toBe(2)
  })

  test('ensureSessionKey does not prevent the login after a 401', async () => {
    const { auth, service, count } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await auth.ensureSessionKey()
    service.revokeAll()
    service.business = null
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test('ensureSessionKey waits two seconds for a checkSession that never answers, then trusts the key', async () => {
    const { auth, device, count, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    device.faults.set('wx.checkSession', { hang: true })
    const ensured = watch(auth.ensureSessionKey())
    await advance(1_999)
    expect(ensured.state).toBe('pending')
    await advance(1)
    expect(ensured.state).toBe('resolved')
    expect(count('wx.login')).toBe(1)
  })

  test('ensureSessionKey starts no login in the background while it asks', async () => {
    const { auth, device, count, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await advance(IDLE_SECONDS * 1000 - 500)
    device.faults.set('wx.checkSession', { delayMs: 1_000 })
    const ensured = watch(auth.ensureSessionKey())
    await advance(600)
    await auth.request({ url: '/products' })
    await advance(400)
    expect(ensured.state).toBe('resolved')
    expect(count('wx.login')).toBe(1)
  })

  test('prevents the login for a key that was found expired at the start of the app', async () => {
    const phone = createPhoneWithDecrypt()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.checkSession', { ...DEAD, delayMs: 1_000, times: 1 })
    const auth = phone.restart()
    const launched = watch(auth.ensureLogin())
    await flush()
    await auth.ensureSessionKey()
    await phone.advance(1_000)
    expect(launched).toMatchObject({ state: 'resolved', value: { id: 's1' } })
    expect(phone.count('wx.login')).toBe(1)
  })

  test('ensureSessionKey waits for a login under way, then asks about the new key', async () => {
    const { auth, service, count } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    service.exchanges.push('hold')
    void auth.ensureLogin({ force: true })
    await flush()
    const ensured = watch(auth.ensureSessionKey())
    await flush()
    expect(count('wx.checkSession')).toBe(0)
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(ensured.state).toBe('resolved')
    expect(count('wx.checkSession')).toBe(1)
  })

  test('ensureSessionKey waits for a login under way and for one of its own within one deadline', async () => {
    const { auth, device, service, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    service.exchanges.push('hold', 'hold')
    void auth.ensureLogin({ force: true })
    await flush()
    device.faults.set('wx.checkSession', DEAD)
    const ensured = watch(auth.ensureSessionKey())
    await advance(14_000)
    await service.held[0]?.answer(201, service.issue())
    await advance(4_999)
    expect(ensured.state).toBe('pending')
    await advance(1)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
  })

  test('ensureSessionKey renews a dead key after two seconds while the storage stays silent, and ends in time', async () => {
    const phone = createPhoneWithDecrypt()
    phone.device.faults.set('wx.setStorage', { hang: true })
    phone.device.faults.set('wx.checkSession', { ...DEAD, times: 1 })
    // The session is new, its write has not ended, and the key is found dead: the storage is read before the next login.
    phone.service.exchanges.push({ status: 201, data: phone.service.issue() }, 'hold')
    const ready = watch(phone.auth.ensureSessionKey())
    await phone.advance(1_000)
    expect(phone.count('wx.login')).toBe(1)
    await phone.advance(1_000)
    expect(phone.count('wx.login')).toBe(2)
    for (let second = 2; second < 17; second++) {
      expect(ready.state).toBe('pending')
      await phone.advance(1_000)
    }
    expect(ready.error).toMatchObject({ code: 'login_timeout' })
    expect(phone.auth.getSession()).toMatchObject({ id: 's1' })
    await phone.advance(IDLE_SECONDS * 500)
    expect(phone.count('wx.login')).toBe(2)
  })

  test('ignores the pause after a failed login', async () => {
    const { auth, device, service, count } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    service.exchanges.push(problem(403, 'user_disabled'))
    await auth.ensureLogin({ force: true }).catch(() => {})
    device.faults.set('wx.checkSession', DEAD)
    await auth.ensureSessionKey()
    expect(count('wx.login')).toBe(3)
  })

  test('ensureSessionKey starts the 60 s when the key is ready, and again at every call', async () => {
    const { auth, device, service, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    device.faults.set('wx.checkSession', { ...DEAD, times: 1 })
    service.exchanges.push('hold')
    const ensured = watch(auth.ensureSessionKey())
    await advance(10_000)
    await service.held[0]?.answer(201, { ...service.issue(), expiresIn: 5 })
    await flush()
    expect(ensured.state).toBe('resolved')
    await advance(55_000)
    expect(auth.getSession()).not.toBeNull()
    await auth.ensureSessionKey()
    await advance(55_000)
    expect(auth.getSession()).not.toBeNull()
    await advance(5_000)
    expect(auth.getSession()).toBeNull()
  })

  test('ensureSessionKey rejects like the login it needs, and then holds no key', async () => {
    const { auth, device, service, count, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await advance(IDLE_SECONDS * 1000 - 5_000)
    device.faults.set('wx.checkSession', DEAD)
    service.exchanges.push(problem(403, 'user_disabled'))
    await expect(auth.ensureSessionKey()).rejects.toMatchObject({ code: 'login_rejected' })
    await advance(10_000)
    expect(auth.getSession()).toBeNull()
    await auth.request({ url: '/products' })
    expect(count('wx.login')).toBe(3)
  })

  test('ensureSessionKey rejects logged_out after a logout, also one in the middle of the call', async () => {
    const { auth, device, advance } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    device.faults.set('wx.checkSession', { hang: true })
    const ensured = watch(auth.ensureSessionKey())
    await flush()
    await auth.logout()
    await advance(2_000)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    await expect(auth.ensureSessionKey()).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('ensureSessionKey rejects for a session of loginWith', async () => {
    const { auth, service } = createPhoneWithDecrypt()
    const { route } = service
    service.route = (call) => (call.path === '/login' ? { status: 201, data: service.issue() } : route(call))
    await auth.loginWith({ url: '/login' })
    await expect(auth.ensureSessionKey()).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})

describe('after session_key_stale', () => {
  test.each([
    ['of decrypt', (auth: ReturnType<typeof createPhone>['auth']) => auth.decrypt(ENCRYPTED)],
    [
      'of a request of the application',
      (auth: ReturnType<typeof createPhone>['auth']) => auth.request({ url: '/v1/open-data/verify', method: 'POST' }),
    ],
  ])('%s the next ensureSessionKey signs in, whatever WeChat says of its key, and only once', async (_, fail) => {
    const { auth, service, count } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    await auth.ensureSessionKey()
    expect(count('wx.login')).toBe(1)
    service.business = ({ path }) =>
      (path.startsWith('/v1/open-data/') ? problem(409, 'session_key_stale') : null) as never
    await fail(auth).catch(() => {})
    await auth.ensureSessionKey()
    expect(count('wx.login')).toBe(2)
    await auth.ensureSessionKey()
    expect(count('wx.login')).toBe(2)
  })

  test('that was about the session before, no login follows', async () => {
    const { auth, service, count } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const decrypted = watch(auth.decrypt(ENCRYPTED))
    await flush()
    await auth.ensureLogin({ force: true })
    await service.held[0]?.answer(409, problem(409, 'session_key_stale').data)
    expect(decrypted.state).toBe('rejected')
    await auth.ensureSessionKey()
    expect(count('wx.login')).toBe(2)
  })

  test('a login that is refused then leaves the session', async () => {
    const { auth, service } = createPhoneWithDecrypt()
    await auth.ensureLogin()
    service.business = () => problem(409, 'session_key_stale')
    await auth.decrypt(ENCRYPTED).catch(() => {})
    service.business = null
    service.exchanges.push(problem(403, 'user_disabled'))
    await expect(auth.ensureSessionKey()).rejects.toMatchObject({ code: 'login_rejected' })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })
})

describe('decrypt', () => {
  test('decrypt rejects with the problem when the key has changed, so that the page can ask for another tap', async () => {
    const { auth, service } = createPhoneWithDecrypt()
    service.business = () => problem(409, 'session_key_stale')
    await expect(auth.decrypt(ENCRYPTED)).rejects.toMatchObject({
      code: 'rejected',
      problem: 'session_key_stale',
      statusCode: 409,
    })
  })

  test('decrypt rejects with bad_response when the answer has no data', async () => {
    const { auth, service } = createPhoneWithDecrypt()
    service.business = () => ({ status: 200, data: '<html>' })
    await expect(auth.decrypt(ENCRYPTED)).rejects.toMatchObject({ code: 'bad_response' })
  })
})

test('decrypt without its data rejects', async () => {
  const { auth } = createPhone()
  await expect(auth.decrypt(undefined as never)).rejects.toThrow(TypeError)
})

test('ensureSessionKey with a logout while WeChat is asked rejects, although the key lives', async () => {
  const { auth, service, device, advance } = createPhone()
  await auth.ensureLogin()
  // An earlier key was stale, and was renewed.
  service.business = () => problem(409, 'session_key_stale')
  await auth.decrypt({ encryptedData: 'AAAA', iv: 'BBBB' }).catch(() => {})
  await auth.ensureSessionKey()
  device.faults.set('wx.checkSession', { delayMs: 500 })
  const ensured = watch(auth.ensureSessionKey())
  await flush()
  await auth.logout({ remote: false })
  await advance(500)
  expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
})

describe('updateProfile', () => {
  const PROFILE = { nickname: 'Al', avatarUrl: 'https://a.example.com/1.png' }

  /** Holds the `POST` back when `holds` is true. */
  function createPhoneWithProfile({ holds = false } = {}) {
    const phone = createPhone()
    const { service } = phone
    const answer = (profile: object) => ({ status: 200, data: { user: { id: 'u1', profile } } })
    service.business = (call) => {
      if (call.method === 'GET') return answer(PROFILE)
      return holds ? 'hold' : answer({ ...PROFILE, ...call.body, nickname: `${String(call.body.nickname)}!` })
    }
    return phone
  }

  test('updateProfile changes the fields it was given, leaves the others as they now are, and the session has them', async () => {
    const phone = createPhoneWithProfile()
    const { service } = phone
    await phone.auth.ensureLogin()
    const user = await phone.auth.updateProfile({ nickname: 'Alice' })
    expect(service.paths().slice(1)).toEqual(['POST /v1/me/profile'])
    expect(service.calls.at(-1)?.body).toEqual({ nickname: 'Alice' })
    expect(user.profile).toEqual({ ...PROFILE, nickname: 'Alice!' })
    expect(phone.auth.getSession()?.user.profile).toEqual(user.profile)
    await flush()
    const auth = phone.restart()
    expect((await auth.ensureLogin()).user.profile.nickname).toBe('Alice!')
  })

  test('updateProfile does not change the session of another user who has signed in meanwhile', async () => {
    const { auth, service } = createPhoneWithProfile({ holds: true })
    const { route } = service
    const other = { ...service.issue().user, id: 'u2' }
    service.route = (call) =>
      call.path === '/login' ? { status: 201, data: { ...service.issue(), user: other } } : route(call)
    await auth.ensureLogin()
    const updated = watch(auth.updateProfile({ nickname: 'Alice' }))
    await flush()
    await auth.loginWith({ url: '/login' })
    await service.held[0]?.answer(200, { user: { id: 'u1', profile: { nickname: 'Alice' } } })
    await flush()
    expect(updated.state).toBe('resolved')
    expect(auth.getSession()?.user).toEqual(other)
  })

  test('updateProfile is not sent as another user, who signs in while it waits for a login', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const phone = createPhone({ now: () => nowMs })
    const { auth, service } = phone
    const { route } = service
    const other = { ...service.issue().user, id: 'u2' }
    service.route = (call) =>
      call.path === '/login' ? { status: 201, data: { ...service.issue(), user: other } } : route(call)
    await auth.ensureLogin()
    nowMs += IDLE_SECONDS * 1000
    service.exchanges.push('hold')
    const updated = watch(auth.updateProfile({ nickname: 'Alice' }))
    await flush()
    await auth.loginWith({ url: '/login' })
    await flush()
    expect(updated).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
    expect(service.paths()).not.toContain('POST /v1/me/profile')
  })

  test('twice at once sends what each was given, and nothing else', async () => {
    const { auth, service } = createPhoneWithProfile()
    await auth.ensureLogin()
    await Promise.all([
      auth.updateProfile({ avatarUrl: 'https://a.example.com/2.png' }),
      auth.updateProfile({ nickname: 'Alice' }),
    ])
    expect(service.calls.slice(1).map(({ body }) => body)).toEqual([
      { avatarUrl: 'https://a.example.com/2.png' },
      { nickname: 'Alice' },
    ])
  })

  test('answered after a logout signs nobody in', async () => {
    const { auth, service } = createPhoneWithProfile({ holds: true })
    await auth.ensureLogin()
    const updated = watch(auth.updateProfile({ nickname: 'Alice' }))
    await flush()
    await auth.logout()
    await service.held[0]?.answer(200, { user: { id: 'u1', profile: { nickname: 'Alice' } } })
    await flush()
    expect(updated.state).toBe('resolved')
    expect(auth.getSession()).toBeNull()
  })

  test('updateProfile rejects what the service refuses, and changes nothing', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = () => problem(400, 'request_invalid')
    await expect(auth.updateProfile({ nickname: 'x'.repeat(99) })).rejects.toMatchObject({
      code: 'rejected',
      problem: 'request_invalid',
    })
    expect(auth.getSession()?.user.profile.nickname).toBe('')
  })
})

describe('ready', () => {
  test('ready resolves with the session as soon as there is one', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push('hold')
    const ready = watch(auth.ready())
    await flush()
    expect(ready.state).toBe('pending')
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(ready).toMatchObject({ state: 'resolved', value: { id: 's1' } })
  })

  test('ready resolves with null when nobody can be signed in, and never rejects', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'))
    expect(await auth.ready()).toBeNull()
    await auth.logout()
    expect(await auth.ready()).toBeNull()
  })
})

import { inspect } from 'node:util'
import type { RevocationReason } from '@weapp-auth/shared'
import { describe, expect, test } from 'vitest'
import { isAuthError } from '../src/index.ts'
import { problem } from './fake-service.ts'
import { createPhone, withStringStatus } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('request', () => {
  test('request signs in first and carries the token in the Authorization header only', async () => {
    const { auth, service } = createPhone()
    const { data, statusCode } = await auth.request<{ ok: boolean }>({ url: '/products?page=2' })
    expect({ data, statusCode }).toEqual({ data: { ok: true }, statusCode: 200 })
    const call = service.calls[1]
    expect(call).toMatchObject({ url: 'https://api.example.com/products?page=2', token: 'wxs1.000.token-1' })
    expect(JSON.stringify({ ...call, header: null, token: null })).not.toContain('token-1')
  })

  test('with a stored session it calls nothing of wx but wx.request', async () => {
    const phone = createPhone()
    await phone.auth.request({ url: '/products' })
    await flush()
    const asked: string[] = []
    const wx = new Proxy(phone.device.wx, {
      get(target, name, receiver) {
        asked.push(String(name))
        return Reflect.get(target, name, receiver)
      },
    })
    const auth = phone.restart({ wx })
    await auth.request({ url: '/products' })
    expect(asked).toContain('getStorage')
    asked.length = 0
    await Promise.all([auth.request({ url: '/a' }), auth.request({ url: '/b', auth: 'optional' })])
    await flush()
    expect(asked).toEqual(['request', 'request'])
  })

  test("request keeps the caller's headers, but replaces an Authorization header", async () => {
    const { auth, service } = createPhone()
    await auth.request({
      url: '/products',
      header: { authorization: 'mine', 'X-Authorization': 'kept', 'Authorization-Hint': 'kept', Accept: 'kept' },
    })
    expect(service.calls.at(-1)?.header).toMatchObject({
      authorization: 'Bearer wxs1.000.token-1',
      'x-authorization': 'kept',
      'authorization-hint': 'kept',
      accept: 'kept',
    })
  })

  test.each([
    [499, true],
    [500, false],
  ])('an answer %i moves the expiry: %s', async (status, moves) => {
    const { auth, service, advance } = createPhone()
    const { expiresAtMs } = await auth.ensureLogin()
    await advance(60_000)
    service.business = () => ({ status })
    await auth.request({ url: '/products' })
    expect((auth.getSession()?.expiresAtMs ?? 0) > expiresAtMs).toBe(moves)
  })

  test('a request without an answer does not move the expiry', async () => {
    const { auth, service, advance } = createPhone()
    const { expiresAtMs } = await auth.ensureLogin()
    await advance(60_000)
    service.business = () => 'lose'
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'network' })
    expect(auth.getSession()?.expiresAtMs).toBe(expiresAtMs)
  })

  test('fifty first requests cause one wx.login and one exchange', async () => {
    const { auth, service, count } = createPhone()
    await Promise.all(Array.from({ length: 50 }, (_, i) => auth.request({ url: `/products/${i}` })))
    expect(count('wx.login')).toBe(1)
    expect(service.paths().filter((path) => path === 'POST /v1/sessions')).toHaveLength(1)
  })

  test('fifty 401s cause one wx.login, and every request is replayed once', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => auth.request({ url: `/products/${i}` })))
    expect(results.every(({ statusCode }) => statusCode === 200)).toBe(true)
    expect(count('wx.login')).toBe(2)
    expect(service.calls.filter(({ path }) => path.startsWith('/products'))).toHaveLength(100)
  })

  test('is not sent again as another user, whom wx.login signs in after the session has ended', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    const issued = service.issue()
    service.exchanges.push({ status: 201, data: { ...issued, user: { ...issued.user, id: 'u2' } } })
    const error = await auth.request({ url: '/products' }).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'unauthorized', statusCode: 401 })
    expect(service.paths().filter((path) => path === 'GET /products')).toHaveLength(1)
    expect(auth.getSession()?.user.id).toBe('u2')
  })

  test('a 401 that arrives late for an old token causes no login', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.business = (call) =>
      call.path === '/slow' && service.held.length === 0 ? 'hold' : service.answerFor(call.token)
    const slow = watch(auth.request({ url: '/slow' }))
    await flush()
    service.revokeAll()
    await auth.request({ url: '/products' })
    expect(count('wx.login')).toBe(2)
    await service.held[0]?.answer(401, problem(401, 'session_invalid').data)
    expect(slow).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(count('wx.login')).toBe(2)
  })

  test('a service that answers 401 for ever gets two calls and one login, then one call and no login', async () => {
    const { auth, service, count, advance } = createPhone()
    await auth.ensureLogin()
    service.business = () => problem(401, 'session_invalid')
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized', statusCode: 401 })
    expect(service.paths().slice(1)).toEqual(['GET /products', 'POST /v1/sessions', 'GET /products'])
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(service.calls).toHaveLength(5)
    expect(count('wx.login')).toBe(2)
    await advance(9_999)
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(2)
    await advance(1)
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(3)
  })

  test('the ten seconds begin with the latest 401 that ended a session', async () => {
    const { auth, service, count, advance } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    await auth.request({ url: '/products' })
    await advance(9_000)
    service.business = () => problem(401, 'session_invalid')
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(3)
    await advance(2_000)
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(3)
  })

  test('a session that was accepted in between is renewed each time it ends', async () => {
    const { auth, service, count } = createPhone()
    for (let logins = 1; logins <= 3; logins++) {
      expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
      expect(count('wx.login')).toBe(logins)
      service.revokeAll()
    }
  })

  test('a replay that learns that the session was ended elsewhere signs out', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = ({ token }) =>
      token === 'wxs1.000.token-1' ? problem(401, 'session_invalid') : problem(401, 'session_revoked', 'admin')
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(auth.getSession()).toBeNull()
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  })

  test.each([400, 403, 404, 409, 429, 500, 503])(
    'resolves on %i, as wx does, and keeps the session',
    async (status) => {
      const { auth, service, count } = createPhone()
      service.business = () => ({ status, data: { code: 'x' } })
      expect((await auth.request({ url: '/products' })).statusCode).toBe(status)
      expect(auth.getSession()).not.toBeNull()
      expect(count('wx.login')).toBe(1)
    },
  )

  test('a lost connection rejects with network and keeps the session', async () => {
    const { auth, service } = createPhone()
    service.business = () => 'lose'
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'network', retryable: true })
    expect(auth.getSession()).toMatchObject({ id: 's1' })
  })

  test('an error keeps only the text and the number of a failure', async () => {
    const phone = createPhone()
    const { wx } = phone.device
    // As other hosts do it: the failure carries the request.
    const request: typeof wx.request = (options) =>
      wx.request({ ...options, fail: (failure) => options.fail?.(Object.assign({ config: options }, failure)) })
    const auth = phone.restart({ wx: { ...wx, request } })
    await auth.ensureLogin()
    phone.service.business = () => 'lose'
    const error: unknown = await auth.request({ url: '/products' }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'network', errno: expect.any(Number) })
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('token-1')
  })

  test('a 401 whose status came as a string is one', async () => {
    const phone = createPhone()
    const auth = phone.restart({ wx: withStringStatus(phone.device.wx) })
    await auth.ensureLogin()
    phone.service.revokeAll()
    expect((await auth.request({ url: '/products' })).statusCode).toBe('200')
    expect(phone.count('wx.login')).toBe(2)
  })

  test('replay: false gives the 401 to the caller; the next request signs in', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    await expect(auth.request({ url: '/pay', method: 'POST', replay: false })).rejects.toMatchObject({
      code: 'unauthorized',
    })
    expect(count('wx.login')).toBe(1)
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test('an Authorization header of the caller is replaced, whatever its case', async () => {
    const phone = createPhone()
    const headers: object[] = []
    const request: typeof phone.device.wx.request = (options) => {
      headers.push(options.header ?? {})
      return phone.device.wx.request(options)
    }
    const auth = phone.restart({ wx: { ...phone.device.wx, request } })
    await auth.request({
      url: '/products',
      header: { authorization: 'Basic x', AUTHORIZATION: 'Basic y', 'X-Trace': '1' },
    })
    expect(headers[1]).toEqual({ Authorization: 'Bearer wxs1.000.token-1', 'X-Trace': '1' })
  })

  test('a header that is null, as plain JavaScript may have it, is none', async () => {
    const { auth, service } = createPhone()
    await auth.request({ url: '/a', header: null as never })
    expect(service.calls.at(-1)?.token).toBe('wxs1.000.token-1')
  })

  test('request does not pass its own options on to wx', async () => {
    const phone = createPhone()
    const seen: object[] = []
    const { wx } = phone.device
    const auth = phone.restart({
      wx: { ...wx, request: (options) => wx.request(seen[seen.push(options) - 1] as never) },
    })
    const options = { url: '/products', auth: 'optional', replay: true } as const
    await auth.request(options)
    expect(seen[1]).toMatchObject({ auth: undefined, replay: undefined })
    expect(seen[1]).not.toHaveProperty('timeout')
    expect(options).toEqual({ url: '/products', auth: 'optional', replay: true })
  })
})

test('a header option replaces the header it names, in whatever case, and no other', async () => {
  const { auth, service } = createPhone({ header: (token) => ({ sessionid: token }) })
  await auth.ensureLogin()
  service.business = () => ({ status: 200 })
  await auth.request({ url: '/a', header: { Authorization: 'Basic gateway', SessionId: 'old' } })
  expect(service.calls.at(-1)?.header).toMatchObject({ authorization: 'Basic gateway', sessionid: 'wxs1.000.token-1' })
  expect(JSON.stringify(service.calls.at(-1)?.header)).not.toContain('old')
})

describe("auth: 'optional'", () => {
  test("auth: 'optional' sends the token when there is a session or a login succeeds", async () => {
    const { auth, service } = createPhone()
    await auth.request({ url: '/news', auth: 'optional' })
    expect(service.calls[1]?.token).toBe('wxs1.000.token-1')
  })

  test("auth: 'optional' goes without a token when the login fails and when the user signed out", async () => {
    const { auth, service } = createPhone()
    service.business = () => ({ status: 200 })
    service.exchanges.push(problem(403, 'user_disabled'))
    expect((await auth.request({ url: '/news', auth: 'optional' })).statusCode).toBe(200)
    await auth.logout()
    expect((await auth.request({ url: '/news', auth: 'optional' })).statusCode).toBe(200)
    expect(service.calls.map(({ token }) => token)).toEqual([null, null, null])
  })
})

test('after a logout a 401 to a request without a token is given to the caller and ends nothing', async () => {
  const phone = createPhone()
  await phone.auth.logout()
  await expect(phone.auth.request({ url: '/news', auth: 'optional' })).rejects.toMatchObject({ code: 'unauthorized' })
  await flush()
  expect(phone.service.paths()).toEqual(['GET /news'])
  await expect(phone.restart().ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
})

describe("auth: 'none'", () => {
  test("auth: 'none' never signs in, never carries the token, and resolves a 401", async () => {
    const { auth, service, count } = createPhone()
    expect((await auth.request({ url: '/news', auth: 'none' })).statusCode).toBe(401)
    expect(count('wx.login')).toBe(0)
    await auth.ensureLogin()
    await auth.request({ url: 'https://cdn.example.net/x.json', auth: 'none' })
    expect(service.calls.at(-1)?.token).toBeNull()
  })
})

describe('a session that was revoked', () => {
  test.each(['signed_out_elsewhere', 'limit', 'erased', 'admin'] as const)(
    'for "%s" stays ended until the user taps',
    async (reason) => {
      const phone = createPhone()
      const { auth, service } = phone
      const reasons: string[] = []
      auth.on('logout', (event) => reasons.push(event.reason))
      await auth.ensureLogin()
      service.revokeAll(reason)
      await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out', retryable: false })
      await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
      expect(auth.getSession()).toBeNull()
      await phone.advance(0)
      expect(reasons).toEqual([reason])

      const later = phone.restart()
      await expect(later.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
      await expect(later.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
      expect(phone.count('wx.login')).toBe(1)
      expect(await later.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
      expect((await later.request({ url: '/products' })).statusCode).toBe(200)
    },
  )

  test.each<RevocationReason>(['signed_out', 'replaced'])('for "%s" is renewed silently', async (reason) => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll(reason)
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test('a session that was revoked is recognised also in a body that was not parsed', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.revokeAll('admin')
    await expect(auth.request({ url: '/file', dataType: 'text' })).rejects.toMatchObject({ code: 'logged_out' })
  })
})

describe('a deadline', () => {
  test('a timeout of wx.request rejects with timeout', async () => {
    const { auth, service, advance } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const request = watch(auth.request({ url: '/products', timeout: 3_000 }))
    await advance(3_000)
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'timeout' } })
  })
})

test('isAuthError recognises an error, also of another copy of the package', async () => {
  const { auth } = createPhone()
  const error: unknown = await auth.request({ url: 'nowhere' }).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  expect(isAuthError(error)).toBe(true)
  expect(isAuthError(Object.assign(new Error('x'), { name: 'AuthError' }))).toBe(true)
  expect(isAuthError(new Error('x'))).toBe(false)
  expect(String(error)).toBe('AuthError: request:fail url must begin with one / or be an absolute URL')
})

import { describe, expect, test } from 'vitest'
import { type Answer, IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

type Phone = ReturnType<typeof createPhone>

/** Answers 401 for reasons of its own at `/foreign…`, whatever the token. */
function answerForeign(phone: Phone, answer: Answer): void {
  const { service } = phone
  service.business = (call) => (call.path.startsWith('/foreign') && call.token ? answer : service.answerFor(call.token))
}

const NO = { status: 401, data: { message: 'no' } }

/** How often the service was asked about the session. */
function questions({ service }: Phone): number {
  return service.paths().filter((path) => path === 'GET /v1/session').length
}

describe('a 401 that is not about the session', () => {
  test.each<[string, Answer]>([
    ['JSON of its own', NO],
    ['an HTML page', { status: 401, data: '<html>401</html>' }],
    ['an empty body', { status: 401 }],
    ['session_missing, because a proxy dropped the header', problem(401, 'session_missing')],
    ['session_malformed, because a proxy broke the header', problem(401, 'session_malformed')],
  ])('with %s is unauthorized, and causes no login', async (_, answer) => {
    const phone = createPhone()
    const { auth, count } = phone
    await auth.ensureLogin()
    answerForeign(phone, answer)
    await expect(auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized', statusCode: 401 })
    expect(count('wx.login')).toBe(1)
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })

  test.each<[string, (phone: Phone) => Promise<unknown>]>([
    ['replay: false', ({ auth }) => auth.request({ url: '/foreign', replay: false })],
    ["auth: 'optional'", ({ auth }) => auth.request({ url: '/foreign', auth: 'optional' })],
    ['another allowed origin', ({ auth }) => auth.request({ url: 'https://other.example.com/foreign' })],
    [
      'an upload',
      ({ auth, device }) =>
        auth.uploadFile({ url: '/foreign', filePath: device.files.create('picture'), name: 'file' }),
    ],
    ['a download', ({ auth }) => auth.downloadFile({ url: '/foreign' })],
    [
      'a library given to wrap',
      ({ auth }) =>
        auth.wrap((options: { url: string }) => auth.request({ ...options, auth: 'none' }))({ url: '/foreign' }),
    ],
    [
      'a session_key that is held',
      async ({ auth }) => {
        await auth.ensureSessionKey()
        return auth.request({ url: '/foreign' })
      },
    ],
  ])('with %s causes no login either', async (_, call) => {
    const phone = createPhone({ allowOrigins: ['https://other.example.com'] })
    await phone.auth.ensureLogin()
    answerForeign(phone, NO)
    await expect(call(phone)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(phone.count('wx.login')).toBe(1)
    expect(phone.auth.getSession()).toMatchObject({ id: 's1' })
  })

  test('in a body that isUnauthorized reads causes no login', async () => {
    const phone = createPhone({ isUnauthorized: ({ data }) => (Object(data) as { code?: unknown }).code === 401 })
    await phone.auth.ensureLogin()
    answerForeign(phone, { status: 200, data: { code: 401 } })
    await expect(phone.auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(phone.count('wx.login')).toBe(1)
  })

  test('of a loginWith session signs nobody out', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    const { route } = service
    service.route = (call) => (call.path === '/login' ? { status: 201, data: service.issue() } : route(call))
    await auth.loginWith({ url: '/login' })
    answerForeign(phone, NO)
    await expect(auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(auth.getSession()).toMatchObject({ id: 's1' })
  })

  test('polled for a minute beside a healthy page causes no login, three questions, and the page never fails', async () => {
    const phone = createPhone()
    const { auth, count, advance } = phone
    await auth.ensureLogin()
    answerForeign(phone, NO)
    for (let n = 0; n < 30; n++) {
      await expect(auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized' })
      expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
      await advance(2_000)
    }
    expect(count('wx.login')).toBe(1)
    expect(questions(phone)).toBe(3)
  })

  test('asks again after 10, 20, 40, 60, 60 s, and of a new session from the beginning', async () => {
    const phone = createPhone()
    const { auth, advance } = phone
    await auth.ensureLogin()
    answerForeign(phone, NO)
    const poll = () => expect(auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized' })
    await poll()
    let asked = 1
    for (const seconds of [10, 20, 40, 60, 60]) {
      await advance(seconds * 1_000 - 1)
      await poll()
      expect(questions(phone)).toBe(asked)
      await advance(1)
      await poll()
      expect(questions(phone)).toBe(++asked)
    }
    await auth.ensureLogin({ force: true })
    await poll()
    expect(questions(phone)).toBe(++asked)
    await advance(10_000)
    await poll()
    expect(questions(phone)).toBe(++asked)
  })

  test('believes the first answer for 10 s, however many questions before it got none', async () => {
    const phone = createPhone()
    const { auth, service, advance } = phone
    await auth.ensureLogin()
    answerForeign(phone, NO)
    const poll = () => expect(auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized' })
    service.sessionRoute = () => problem(503, 'store_unavailable')
    for (let n = 0; n < 4; n++) await poll()
    service.sessionRoute = null
    await poll()
    const asked = questions(phone)
    await advance(9_999)
    await poll()
    expect(questions(phone)).toBe(asked)
    await advance(1)
    await poll()
    expect(questions(phone)).toBe(asked + 1)
  })

  test('asks one question for all who wait for its answer', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    await auth.ensureLogin()
    answerForeign(phone, NO)
    service.sessionRoute = () => 'hold'
    const calls = Array.from({ length: 5 }, (_, n) => watch(auth.request({ url: `/foreign/${n}` })))
    await flush()
    expect(questions(phone)).toBe(1)
    await service.held[0]?.answer(200, { session: {}, user: {} })
    expect(calls.every(({ state }) => state === 'rejected')).toBe(true)
    expect(phone.count('wx.login')).toBe(1)
  })

  test('whose session lives by the word of the service is no start page because a "<" stands in it', async () => {
    const phone = createPhone()
    const { auth, service, count } = phone
    await auth.ensureLogin()
    answerForeign(phone, NO)
    service.sessionRoute = () => ({ status: 200, data: '1 < 2' })
    await expect(auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(1)
  })

  test('does not wait for a storage that is silent', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    answerForeign(phone, NO)
    phone.device.faults.set('wx.getStorage', { hang: true })
    await expect(phone.auth.request({ url: '/foreign' })).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('for a token that is no longer the current one asks nothing: the request is sent again with the new one', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    await auth.ensureLogin()
    service.business = (call) => (call.token === 'wxs1.000.token-1' ? 'hold' : service.answerFor(call.token))
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    await auth.ensureLogin({ force: true })
    await service.held[0]?.answer(NO.status, NO.data)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(questions(phone)).toBe(0)
  })

  test('moves the expiry, because the service has accepted the token', async () => {
    const phone = createPhone()
    const { auth, advance } = phone
    const { expiresAtMs } = await auth.ensureLogin()
    await advance(60_000)
    answerForeign(phone, NO)
    await auth.request({ url: '/foreign' }).catch(() => {})
    expect(auth.getSession()?.expiresAtMs).toBe(expiresAtMs + 60_000)
  })
})

describe('a 401 whose reason was lost on the way, as behind a gateway', () => {
  const LOST = { status: 401, data: '<html>401 Authorization Required</html>' }

  /** A gateway puts its own page in the place of the service's problem. */
  function loseReasons({ service }: Phone): void {
    service.business = (call) => (service.answerFor(call.token).status === 401 ? LOST : service.answerFor(call.token))
  }

  test('of a session that has expired is renewed silently', async () => {
    const phone = createPhone()
    const { auth, service, count } = phone
    await auth.ensureLogin()
    loseReasons(phone)
    service.revokeAll()
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test.each(['signed_out_elsewhere', 'limit', 'admin', 'erased'] as const)(
    'of a session that ended for %s signs out, and nobody in again',
    async (reason) => {
      const phone = createPhone()
      const { auth, service, count } = phone
      await auth.ensureLogin()
      loseReasons(phone)
      service.revokeAll(reason)
      await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
      await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
      expect(count('wx.login')).toBe(1)
    },
  )

  test('is an end also when the service itself answers a 401 without a body', async () => {
    const phone = createPhone()
    const { auth, service, count } = phone
    await auth.ensureLogin()
    loseReasons(phone)
    service.sessionRoute = () => ({ status: 401 })
    service.revokeAll('admin')
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test.each<[string, Answer | 'lose']>([
    ['no network', 'lose'],
    ['a 503', problem(503, 'store_unavailable')],
    ['a 429', problem(429, 'rate_limited')],
    ['a 403', { status: 403 }],
    ['a redirect', { status: 302 }],
    ['the page of a proxy that has lost the service', { status: 502, data: '<html>502</html>' }],
  ])('and about which the service cannot be asked (%s) ends nothing, until it can', async (_, answer) => {
    const phone = createPhone()
    const { auth, service, count } = phone
    await auth.ensureLogin()
    loseReasons(phone)
    service.revokeAll()
    service.sessionRoute = () => answer
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(1)
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    service.sessionRoute = null
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test('is asked about once more when the token has changed meanwhile: sent again with the new one', async () => {
    const phone = createPhone()
    const { auth, service, count } = phone
    await auth.ensureLogin()
    loseReasons(phone)
    service.revokeAll()
    service.sessionRoute = () => 'hold'
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    await auth.ensureLogin({ force: true })
    await service.held[0]?.answer(200, {})
    await flush()
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(count('wx.login')).toBe(2)
  })
})

describe('where the service has no GET /v1/session', () => {
  test.each<[string, Answer]>([
    ['404', { status: 404 }],
    ['405', { status: 405 }],
    ['501', { status: 501 }],
    ['200 with a start page', { status: 200, data: '<!doctype html><title>home</title>' }],
    ['200 with a start page after an empty line', { status: 200, data: '\n <html>' }],
  ])('(%s) an expired session is renewed silently', async (_, answer) => {
    const phone = createPhone()
    const { auth, service, count } = phone
    await auth.ensureLogin()
    service.sessionRoute = () => answer
    service.revokeAll()
    service.business = ({ token }) => (token === 'wxs1.000.token-2' ? { status: 200 } : NO)
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test('a foreign 401 causes one login, then none for 10, 20, 40 s, whatever else is accepted', async () => {
    const phone = createPhone()
    const { auth, service, count, advance } = phone
    await auth.ensureLogin()
    service.sessionRoute = () => ({ status: 404 })
    answerForeign(phone, NO)
    const poll = async (query = '') => {
      const request = auth.request({ url: `/foreign${query}` })
      await expect(request).rejects.toMatchObject({ code: 'unauthorized' })
      expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    }
    let logins = 1
    for (const seconds of [10, 20, 40]) {
      await poll()
      expect(count('wx.login')).toBe(++logins)
      for (let n = 1; n < 5; n++) {
        await advance(seconds * 200)
        await poll(`?page=${n}`)
      }
      expect(count('wx.login')).toBe(logins)
      await advance(seconds * 200)
    }
    // Then after 80, 160, 300 and 300 s: never more than 5 minutes.
    for (const seconds of [80, 160, 300, 300]) {
      await poll()
      expect(count('wx.login')).toBe(++logins)
      await advance(seconds * 1_000 - 1)
      await poll()
      expect(count('wx.login')).toBe(logins)
      await advance(1)
    }
  })

  test('the pause of one address is not that of another', async () => {
    const phone = createPhone()
    const { auth, service, count } = phone
    await auth.ensureLogin()
    service.sessionRoute = () => ({ status: 404 })
    answerForeign(phone, NO)
    await auth.request({ url: '/foreign' }).catch(() => {})
    await auth.request({ url: '/products' })
    service.business = ({ token }) => (token === 'wxs1.000.token-3' ? { status: 200 } : NO)
    expect((await auth.request({ url: '/orders' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(3)
  })

  test('the pauses of 50 addresses are remembered; all further addresses share one', async () => {
    const { auth, service, count, advance } = createPhone()
    await auth.ensureLogin()
    await advance(10_000)
    service.sessionRoute = () => ({ status: 404 })
    service.business = (call) => (call.path.startsWith('/foreign') ? NO : service.answerFor(call.token))
    /** How many logins the 401 of this address causes. */
    async function loginsOf(url: string): Promise<number> {
      const before = count('wx.login')
      await auth.request({ url }).catch(() => {})
      await auth.request({ url: '/products' })
      return count('wx.login') - before
    }
    for (let n = 1; n <= 50; n++) {
      expect(await loginsOf(`/foreign/${n}`)).toBe(1)
      await advance(4_000)
    }
    expect(await loginsOf('/foreign/51')).toBe(1)
    await advance(4_000)
    expect(await loginsOf('/foreign/52')).toBe(0)
    expect(await loginsOf('/foreign/1')).toBe(1)
    await advance(4_000)
    expect(await loginsOf('/foreign/1')).toBe(0)
    // The shared pause grows like any other: 20 s now.
    await advance(2_000)
    expect(await loginsOf('/foreign/53')).toBe(1)
    await advance(19_999)
    expect(await loginsOf('/foreign/54')).toBe(0)
    await advance(1)
    expect(await loginsOf('/foreign/54')).toBe(1)
  })
})

test('two phones that poll, with one session allowed, do not sign each other out in turn: two logins in all', async () => {
  const phone = createPhone()
  const { auth, service, advance } = phone
  const other = phone.restart({ storageKey: 'other' })
  const reasons: string[] = []
  auth.on('logout', ({ reason }) => reasons.push(reason))
  // Each sign-in ends all others.
  const { route } = service
  service.route = (call) => {
    if (call.path === '/v1/sessions') service.revokeAll('limit')
    return route(call)
  }
  const results = { ok: 0, out: 0 }
  for (let n = 0; n < 20; n++) {
    for (const one of [auth, other]) {
      await one.request({ url: '/products' }).then(
        () => results.ok++,
        () => results.out++,
      )
    }
    await advance(3_000)
  }
  expect(service.usedCodes).toHaveLength(2)
  expect(results).toEqual({ ok: 21, out: 19 })
  expect(reasons).toEqual(['limit'])
  expect(await auth.ensureLogin({ force: true })).toMatchObject({ id: 's3' })
})

test('while a login is on its way, a question about the old session holds nobody up for longer than the call', async () => {
  const phone = createPhone()
  const { auth, service, advance } = phone
  await auth.ensureLogin()
  await advance(IDLE_SECONDS * 100)
  answerForeign(phone, NO)
  service.sessionRoute = () => 'hold'
  const request = watch(auth.request({ url: '/foreign', timeout: 3_000 }))
  await advance(5_000)
  expect(request).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
})

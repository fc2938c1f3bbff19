import { describe, expect, test } from 'vitest'
import { IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

/** The phone codes that reached the service with a sign-in, in order; null for a sign-in without one. */
const phoneCodes = ({ service }: ReturnType<typeof createPhone>) =>
  service.calls.filter(({ path }) => path === '/v1/sessions').map(({ body }) => body.phoneCode ?? null)

describe('ensureLogin with a phone code', () => {
  test('ensureLogin with a phone code signs in anew although there is a session, and sends both codes', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    expect(await phone.auth.ensureLogin({ phoneCode: 'p1' })).toMatchObject({ id: 's2' })
    expect(phoneCodes(phone)).toEqual([null, 'p1'])
    expect(phone.service.calls.at(-1)).toMatchObject({ token: 'wxs1.000.token-1' })
    expect(new Set(phone.service.usedCodes).size).toBe(2)
  })

  test('ensureLogin with a phone code signs in after a sign-out', async () => {
    const phone = createPhone()
    await phone.auth.logout()
    expect(await phone.auth.ensureLogin({ phoneCode: 'p1' })).toMatchObject({ id: 's1' })
  })

  test('ensureLogin with a phone code never joins a silent login under way: it waits for it, then starts its own', async () => {
    const phone = createPhone()
    const { auth, service, count } = phone
    service.exchanges.push('hold')
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
    await flush()
    expect([count('wx.login'), tapped.state]).toEqual([1, 'pending'])
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(tapped).toMatchObject({ state: 'resolved', value: { id: 's2' } })
    expect(request.state).toBe('resolved')
    expect(phoneCodes(phone)).toEqual([null, 'p1'])
  })

  test('ensureLogin with a phone code starts its own also when the login under way fails', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    service.exchanges.push('hold')
    const first = watch(auth.ensureLogin({ force: true }))
    await flush()
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
    await flush()
    await service.held[0]?.answer(403, problem(403, 'wechat_user_blocked').data)
    await flush()
    expect(first).toMatchObject({ state: 'rejected', error: { problem: 'wechat_user_blocked' } })
    expect(tapped).toMatchObject({ state: 'resolved', value: { id: 's1' } })
  })

  test('two taps with two codes: one login after the other, each code sent once', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    service.exchanges.push('hold')
    const first = watch(auth.ensureLogin({ phoneCode: 'p1' }))
    const second = watch(auth.ensureLogin({ phoneCode: 'p2' }))
    await flush()
    expect(phoneCodes(phone)).toEqual(['p1'])
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect([first, second]).toMatchObject([{ value: { id: 's1' } }, { value: { id: 's2' } }])
    expect(phoneCodes(phone)).toEqual(['p1', 'p2'])
  })

  test('whoever needs a session meanwhile joins it', async () => {
    const phone = createPhone()
    const { auth, service, count } = phone
    service.exchanges.push('hold')
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
    await flush()
    const others = [watch<unknown>(auth.ensureLogin({ force: true })), watch<unknown>(auth.request({ url: '/a' }))]
    await flush()
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect([tapped, ...others].map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved'])
    expect(count('wx.login')).toBe(1)
  })

  test('ensureLogin with a phone code waits for a loginWith under way, too', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    const { route } = service
    service.route = (call) => (call.path === '/login' ? 'hold' : route(call))
    const own = watch(auth.loginWith({ url: '/login' }))
    await flush()
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
    await flush()
    expect(phoneCodes(phone)).toEqual([])
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect([own, tapped]).toMatchObject([{ value: { id: 's1' } }, { value: { id: 's2' } }])
  })

  test.each([
    [
      'before its code was sent',
      (phone: ReturnType<typeof createPhone>) => phone.device.faults.set('wx.login', { hang: true, times: 1 }),
      [],
    ],
    [
      'while its exchange is under way',
      (phone: ReturnType<typeof createPhone>) => phone.service.exchanges.push('hold'),
      ['p1'],
    ],
  ] as const)(
    'a loginWith that takes its place %s: it rejects, because the number is not proven',
    async (_, hold, sent) => {
      const phone = createPhone()
      const { auth, service } = phone
      const { route } = service
      service.route = (call) => (call.path === '/login' ? { status: 201, data: service.issue() } : route(call))
      hold(phone)
      const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
      const request = watch(auth.request({ url: '/products' }))
      await flush()
      const own = await auth.loginWith({ url: '/login' })
      await phone.advance(60_000)
      expect(tapped).toMatchObject({ state: 'rejected', error: { code: 'aborted' } })
      expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
      expect(auth.getSession()?.id).toBe(own.id)
      expect(phoneCodes(phone)).toEqual(sent)
    },
  )

  test('a loginWith that takes its place and fails: it rejects, although an older session is there', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    await auth.ensureLogin()
    const { route } = service
    service.route = (call) => (call.path === '/login' ? problem(403, 'user_disabled') : route(call))
    service.exchanges.push('hold')
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
    await flush()
    await expect(auth.loginWith({ url: '/login' })).rejects.toMatchObject({ problem: 'user_disabled' })
    await flush()
    expect(tapped).toMatchObject({ state: 'rejected', error: { code: 'aborted' } })
    expect(auth.getSession()).toMatchObject({ id: 's1' })
  })

  test('ensureLogin with a phone code sends the same code with a second attempt when wx.login failed before anything was sent', async () => {
    const phone = createPhone()
    phone.device.faults.set('wx.login', { errMsg: 'system error', times: 1 })
    const tapped = watch(phone.auth.ensureLogin({ phoneCode: 'p1' }))
    await phone.advance(300)
    expect(tapped).toMatchObject({ state: 'resolved', value: { id: 's1' } })
    expect(phoneCodes(phone)).toEqual(['p1'])
    expect(phone.count('wx.login')).toBe(2)
  })

  test.each([
    ['code_invalid', 400],
    ['code_used', 409],
    ['login_in_progress', 409],
  ])('sends the same code once more, with a new login code, after %s', async (code, status) => {
    const phone = createPhone()
    phone.service.exchanges.push(problem(status, code), problem(status, code))
    const tapped = watch(phone.auth.ensureLogin({ phoneCode: 'p1' }))
    await phone.advance(300)
    expect(phoneCodes(phone)).toEqual(['p1', 'p1'])
    expect(new Set(phone.service.usedCodes).size).toBe(2)
    await phone.advance(60_000)
    expect(tapped).toMatchObject({ state: 'rejected', error: { problem: code } })
    expect(phoneCodes(phone)).toHaveLength(2)
  })

  test('a phone code is never sent a third time: the first login code refused, then the network lost', async () => {
    const phone = createPhone()
    phone.service.exchanges.push(problem(400, 'code_invalid'), 'lose')
    const tapped = watch(phone.auth.ensureLogin({ phoneCode: 'p1' }))
    await phone.advance(300)
    await phone.advance(60_000)
    expect(tapped).toMatchObject({ state: 'rejected', error: { code: 'network' } })
    expect(phoneCodes(phone)).toEqual(['p1', 'p1'])
  })

  test.each([
    ['a network error', 'lose', 'network'],
    ['a 503', problem(503, 'store_unavailable'), 'unavailable'],
    ['a 502', problem(502, 'wechat_unreachable'), 'unavailable'],
    ['a 504', problem(504, 'wechat_timeout'), 'unavailable'],
    ["a proxy's page", { status: 502, data: '<html>' }, 'unavailable'],
    ['a refused phone code', problem(400, 'phone_code_invalid'), 'login_rejected'],
  ] as const)(
    'does not send the code again after %s: the session stays, and the user taps again',
    async (_, answer, code) => {
      const phone = createPhone()
      const { auth, service, count } = phone
      await auth.ensureLogin()
      service.exchanges.push(answer)
      const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
      await phone.advance(0)
      expect(tapped).toMatchObject({ state: 'rejected', error: { code } })
      await phone.advance(60_000)
      expect(phoneCodes(phone)).toEqual([null, 'p1'])
      expect([count('wx.login'), auth.getSession()?.id]).toEqual([2, 's1'])
      expect(await auth.ensureLogin({ phoneCode: 'p2' })).toMatchObject({ id: 's2' })
      expect(phoneCodes(phone)).toEqual([null, 'p1', 'p2'])
    },
  )

  test('an exchange that takes too long sends the code once', async () => {
    const phone = createPhone()
    phone.service.exchanges.push('hold')
    const tapped = watch(phone.auth.ensureLogin({ phoneCode: 'p1' }))
    await phone.advance(15_000)
    await phone.advance(60_000)
    expect(tapped).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    expect(phoneCodes(phone)).toEqual(['p1'])
  })

  test('a phone code is never sent once the call that brought it has given up waiting', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    service.exchanges.push('hold')
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1', timeoutMs: 3_000 }))
    await phone.advance(3_000)
    expect(tapped).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    await service.held[0]?.answer(201, service.issue())
    await phone.advance(60_000)
    expect(request.state).toBe('resolved')
    expect(phoneCodes(phone)).toEqual([null])
  })

  test('a phone code is never sent when wx.login answers after its call has given up: nobody is signed in until the next tap', async () => {
    const phone = createPhone()
    const { auth, device } = phone
    device.faults.set('wx.login', { delayMs: 5_000, times: 1 })
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1', timeoutMs: 3_000 }))
    await flush()
    const request = watch(auth.request({ url: '/products' }))
    await phone.advance(3_000)
    expect([tapped, request]).toMatchObject([{ error: { code: 'login_timeout' } }, { state: 'pending' }])
    await phone.advance(2_000)
    expect(request).toMatchObject({ error: { code: 'login_timeout' } })
    await phone.advance(60_000)
    expect(phoneCodes(phone)).toEqual([])
    expect(await auth.ensureLogin({ phoneCode: 'p2' })).toMatchObject({ id: 's1' })
    expect(phoneCodes(phone)).toEqual(['p2'])
  })

  test('a phone code is never sent again with a new login code once its call has given up', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    service.exchanges.push('hold')
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1', timeoutMs: 3_000 }))
    await phone.advance(1_000)
    await phone.advance(1_000)
    await phone.advance(900)
    await service.held[0]?.answer(400, problem(400, 'code_invalid').data)
    await phone.advance(300)
    await phone.advance(60_000)
    expect(tapped).toMatchObject({ error: { code: 'login_timeout' } })
    expect(phoneCodes(phone)).toEqual(['p1'])
    expect(phone.count('wx.login')).toBe(1)
  })

  test('a phone code is never sent after a logout that came while it waited', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    service.exchanges.push('hold')
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    const tapped = watch(auth.ensureLogin({ phoneCode: 'p1' }))
    await flush()
    await auth.logout()
    await service.held[0]?.answer(201, service.issue())
    await phone.advance(60_000)
    expect([request, tapped]).toMatchObject([{ error: { code: 'logged_out' } }, { error: { code: 'logged_out' } }])
    expect(phoneCodes(phone)).toEqual([null])
    expect(auth.getSession()).toBeNull()
  })

  test('a phone code that waits for a silent login wins over a logout in another copy of the package', async () => {
    const phone = createPhone()
    const { auth: main, service } = phone
    const sub = phone.addCopy()
    await main.ensureLogin()
    await flush()
    await sub.ensureLogin()
    service.revokeAll()
    service.exchanges.push('hold')
    const request = watch(sub.request({ url: '/products' }))
    await flush()
    const tapped = watch(sub.ensureLogin({ phoneCode: 'p1' }))
    await flush()
    await main.logout({ remote: false })
    await service.held[0]?.answer(201, service.issue())
    await phone.advance(0)
    expect([request.state, tapped]).toMatchObject(['resolved', { state: 'resolved', value: { id: 's3' } }])
  })

  test('more than 3 logins in 10 s: throttled at once, and the code is not sent', async () => {
    const phone = createPhone()
    for (let n = 0; n < 3; n++) await phone.auth.ensureLogin({ force: true })
    await expect(phone.auth.ensureLogin({ phoneCode: 'p1' })).rejects.toMatchObject({ code: 'login_throttled' })
    expect(phoneCodes(phone)).toEqual([null, null, null])
  })

  test.each(['', 5, null, {}])(
    'a phone code that is %j is an invalid argument: nobody is signed in',
    async (phoneCode) => {
      const phone = createPhone()
      const call = phone.auth.ensureLogin({ force: true, phoneCode: phoneCode as never })
      await expect(call).rejects.toMatchObject({ code: 'invalid_argument' })
      expect(phone.count('wx.login')).toBe(0)
    },
  )

  test('a phone code is in no event, log line or error', async () => {
    const told: unknown[] = []
    const phone = createPhone({ logger: (line) => told.push(line) })
    const { auth, service } = phone
    for (const name of ['login', 'logout', 'loginFail'] as const) auth.on(name, (detail) => told.push(detail))
    service.exchanges.push(problem(400, 'phone_code_invalid'))
    await auth.ensureLogin({ phoneCode: 'phone-code-1' }).catch((error) => told.push(error, String(error)))
    await auth.ensureLogin({ phoneCode: 'phone-code-2' })
    service.business = () => problem(400, 'phone_code_invalid')
    await auth.bindPhone('phone-code-3').catch((error) => told.push(error, String(error)))
    await phone.advance(0)
    expect(told.length).toBeGreaterThan(5)
    expect(JSON.stringify(told)).not.toContain('phone-code')
  })
})

describe('bindPhone', () => {
  const PHONE = { phoneMasked: '138****8000', countryCode: '86' }

  test('bindPhone sends the code, and gives what the service answers', async () => {
    const { auth, service } = createPhone()
    service.business = () => ({ status: 200, data: PHONE })
    expect(await auth.bindPhone('p1')).toEqual(PHONE)
    expect(service.calls.at(-1)).toMatchObject({ method: 'POST', path: '/v1/me/phone', body: { code: 'p1' } })
  })

  test('bindPhone does not send the code again after a 401; the next tap signs in silently', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    service.business = (call) => {
      const answer = service.answerFor(call.token)
      return answer.status === 200 ? { status: 200, data: PHONE } : answer
    }
    await expect(auth.bindPhone('p1')).rejects.toMatchObject({ code: 'unauthorized' })
    expect(await auth.bindPhone('p2')).toEqual(PHONE)
    const sent = service.calls.filter(({ path }) => path === '/v1/me/phone').map(({ body }) => body.code)
    expect(sent).toEqual(['p1', 'p2'])
    expect(count('wx.login')).toBe(2)
  })

  test.each([
    ['phone_code_invalid', problem(400, 'phone_code_invalid'), { code: 'rejected', problem: 'phone_code_invalid' }],
    ['503', problem(503, 'store_unavailable'), { code: 'unavailable' }],
    ['nothing', 'lose', { code: 'network' }],
    ['404 from a service without phone numbers', problem(404, 'not_found'), { code: 'rejected', statusCode: 404 }],
    ['something else', { status: 200, data: {} }, { code: 'bad_response' }],
  ] as const)('answered %s it rejects, and the session stays', async (_, answer, error) => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = () => answer
    await expect(auth.bindPhone('p1')).rejects.toMatchObject(error)
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(service.calls.filter(({ path }) => path === '/v1/me/phone')).toHaveLength(1)
  })

  test('bindPhone is not sent as another user, who signs in while it waits for a login', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const { auth, service } = createPhone({ now: () => nowMs })
    await auth.ensureLogin()
    nowMs += IDLE_SECONDS * 1000
    const { route } = service
    service.route = (call) => {
      if (call.path !== '/login') return route(call)
      const issued = service.issue()
      return { status: 201, data: { ...issued, user: { ...issued.user, id: 'u2' } } }
    }
    service.exchanges.push('hold')
    const bound = watch(auth.bindPhone('p1'))
    await flush()
    await auth.loginWith({ url: '/login' })
    await flush()
    expect(bound).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
    expect(service.paths()).not.toContain('POST /v1/me/phone')
  })
})

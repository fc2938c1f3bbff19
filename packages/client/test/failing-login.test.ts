import { describe, expect, test } from 'vitest'
import { problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('a failing login', () => {
  test.each([
    ['network', 'lose' as const],
    ['unavailable', problem(502, 'wechat_unreachable')],
    ['unavailable', { status: 500, data: 'a gateway says no' }],
  ])('is repeated once after 300 ms with a new code: %s', async (code, answer) => {
    const { auth, service, advance } = createPhone()
    service.exchanges.push(answer, answer)
    const ensured = watch(auth.ensureLogin())
    await advance(299)
    expect(service.usedCodes).toHaveLength(1)
    await advance(1)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code, retryable: true } })
    expect(new Set(service.usedCodes).size).toBe(2)
    await advance(900)
    expect(service.usedCodes).toHaveLength(2)
  })

  test.each([problem(400, 'code_invalid'), problem(409, 'code_used'), problem(409, 'login_in_progress')])(
    'that refused the code is repeated once with a new one: %o',
    async (answer) => {
      const { auth, service, advance } = createPhone()
      service.exchanges.push(answer)
      const page = watch(auth.request({ url: '/products' }))
      await advance(300)
      expect(page).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
      expect(new Set(service.usedCodes).size).toBe(2)
      service.exchanges.push(answer, answer)
      const forced = watch(auth.ensureLogin({ force: true }))
      await advance(10_000)
      expect(forced).toMatchObject({ state: 'rejected', error: { code: 'login_rejected' } })
      expect(service.usedCodes).toHaveLength(4)
    },
  )

  test('with a code that got too old in the background is repeated when the app comes back', async () => {
    const { auth, device, service, advance } = createPhone()
    device.faults.set('wx.login', { delayMs: 1_000, times: 1 })
    const page = watch(auth.request({ url: '/products' }))
    await advance(500)
    device.lifecycle.hide()
    await advance(6 * 60_000)
    service.exchanges.push(problem(400, 'code_invalid'))
    device.lifecycle.show()
    await advance(1_000)
    await advance(300)
    expect(page).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(service.usedCodes).toHaveLength(2)
  })

  test('a failing login is repeated once when wx.login failed', async () => {
    const { auth, device, advance } = createPhone()
    device.faults.set('wx.login', { errMsg: 'system error', times: 1 })
    const ensured = watch(auth.ensureLogin())
    await advance(300)
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's1' } })
  })

  test('a failing login is a network error when the background interrupted wx.login', async () => {
    const { auth, device, advance } = createPhone()
    device.faults.set('wx.login', { errMsg: 'interrupted' })
    const ensured = watch(auth.ensureLogin())
    await advance(300)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'network' } })
  })

  test.each([
    ['the network said it may come back later', { ...problem(503, 'wechat_busy'), header: { 'retry-after': '3' } }],
    ['the operator has to act first', problem(500, 'wechat_misconfigured')],
    ['the service has a fault of its own', problem(500, 'internal')],
    ['the user was refused', problem(403, 'wechat_user_blocked')],
    ['there were too many', problem(429, 'rate_limited')],
    ['it was not our service', { status: 200, data: '<html>' }],
  ])('is not repeated when %s', async (_, answer) => {
    const { auth, service, advance } = createPhone()
    service.exchanges.push(answer)
    const ensured = watch(auth.ensureLogin())
    await advance(900)
    expect(ensured.state).toBe('rejected')
    expect(service.usedCodes).toHaveLength(1)
  })

  test('names the problem of the service', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'))
    await expect(auth.ensureLogin()).rejects.toMatchObject({
      code: 'login_rejected',
      statusCode: 403,
      problem: 'user_disabled',
      retryable: false,
    })
  })

  test('a failing login fails everybody who waited, with one error', async () => {
    const { auth, service, advance } = createPhone()
    service.exchanges.push('lose', 'lose')
    const waiting = Array.from({ length: 5 }, (_, n) => watch(auth.request({ url: `/r${n}` })))
    await advance(300)
    expect(new Set(waiting.map(({ error }) => error)).size).toBe(1)
    expect(waiting.every(({ state }) => state === 'rejected')).toBe(true)
  })

  test('a failing login fails the following callers at once with the same error for 1, 2, 4, 8, 8 s, then tries again', async () => {
    const { auth, service, advance, count } = createPhone()
    service.exchanges.push(...Array.from({ length: 6 }, () => problem(403, 'wechat_user_blocked')))
    let logins = 0
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 8_000]) {
      const first: unknown = await auth.ensureLogin().catch((error: unknown) => error)
      expect(count('wx.login')).toBe(++logins)
      await advance(pauseMs - 1)
      expect(await auth.request({ url: '/products' }).catch((error: unknown) => error)).toBe(first)
      expect(count('wx.login')).toBe(logins)
      // Past the ceiling as well, which is another rule.
      await advance(10_001)
    }
  })

  test('the end of one pause does not end a longer one that began later', async () => {
    const { auth, service, advance, count } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'), problem(403, 'user_disabled'))
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_rejected' })
    await advance(500)
    await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'login_rejected' })
    await advance(1_000)
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_rejected' })
    expect(count('wx.login')).toBe(2)
  })

  test('a failing login does not call wx.login when its deadline passed before that', async () => {
    let answer: (data: string) => void = () => {}
    const { auth, advance, count } = createPhone({
      loginTimeoutMs: 1_000,
      loginData: () => new Promise<string>((resolve) => (answer = resolve)),
    })
    const ensured = watch(auth.ensureLogin())
    await advance(1_000)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout', errMsg: 'login:fail timeout' } })
    answer('late')
    await flush()
    expect(count('wx.login')).toBe(0)
  })

  test('a failing login is tried again right after the pause', async () => {
    const { auth, service, advance, count } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'), problem(403, 'user_disabled'))
    for (const pauseMs of [1_000, 2_000]) {
      await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_rejected' })
      await advance(pauseMs)
    }
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    expect(count('wx.login')).toBe(3)
  })

  test('a failing login starts with a short pause again after a login that succeeded', async () => {
    const { auth, service, advance } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'))
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_rejected' })
    await advance(10_000)
    await auth.ensureLogin()
    await advance(10_000)
    service.exchanges.push(problem(403, 'user_disabled'))
    await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'login_rejected' })
    await advance(1_000)
    expect(await auth.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
  })

  test('a failing login lets an optional request go without a token during the pause', async () => {
    const { auth, service, count } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'))
    service.business = () => ({ status: 200, data: 'public' })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_rejected' })
    expect((await auth.request({ url: '/products', auth: 'optional' })).data).toBe('public')
    expect(count('wx.login')).toBe(1)
  })

  test('a failing login waits as long as Retry-After says', async () => {
    const { auth, service, advance, count } = createPhone()
    service.exchanges.push({ ...problem(429, 'rate_limited'), header: { 'Retry-After': '30' } })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_throttled', retryAfterMs: 30_000 })
    await advance(29_999)
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_throttled' })
    expect(count('wx.login')).toBe(1)
    await advance(1)
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
  })

  test('ignores a Retry-After with a date, because the clock of a phone may be wrong', async () => {
    const { auth, service, advance } = createPhone()
    service.exchanges.push({
      ...problem(429, 'rate_limited'),
      header: { 'Retry-After': 'Thu, 01 Jan 2026 00:01:00 GMT' },
    })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_throttled', retryAfterMs: undefined })
    await advance(1_000)
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
  })

  test('a failing login is tried again by force, but never more than three times in ten seconds', async () => {
    const { auth, service, advance, count } = createPhone()
    service.exchanges.push(...Array.from({ length: 3 }, () => problem(403, 'user_disabled')))
    for (let i = 0; i < 3; i++) {
      await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'login_rejected' })
    }
    await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'login_throttled' })
    expect(count('wx.login')).toBe(3)
    await advance(9_999)
    await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'login_throttled' })
    await advance(1)
    expect(await auth.ensureLogin({ force: true })).toMatchObject({ id: 's1' })
  })

  test('a failing login counts a second attempt among the three', async () => {
    const { auth, device, advance, count } = createPhone()
    device.faults.set('wx.login', { errMsg: 'system error' })
    for (let i = 0; i < 3; i++) {
      auth.ensureLogin({ force: true }).catch(() => {})
      await advance(300)
    }
    expect(count('wx.login')).toBe(3)
  })

  test('over the limit rejects at once and queues nobody', async () => {
    const { auth, service, count, advance } = createPhone()
    for (let i = 0; i < 3; i++) await auth.ensureLogin({ force: true })
    service.revokeAll()
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'login_throttled' } })
    await advance(60_000)
    expect(count('wx.login')).toBe(3)
  })

  test('a handler of loginFail that forces a login does not loop', async () => {
    const { auth, service, count, advance } = createPhone()
    service.exchanges.push(...Array.from({ length: 9 }, () => problem(403, 'user_disabled')))
    auth.on('loginFail', () => {
      auth.ensureLogin({ force: true }).catch(() => {})
    })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'login_rejected' })
    for (let i = 0; i < 9; i++) await advance(0)
    expect(count('wx.login')).toBe(3)
  })

  test('a failing login has one deadline for wx.login and the exchange, which counts foreground time', async () => {
    const { auth, device, service, advance } = createPhone()
    device.faults.set('wx.login', { delayMs: 10_000, times: 1 })
    service.exchanges.push('hold')
    const ensured = watch(auth.ensureLogin())
    await advance(14_999)
    expect(service.held).toHaveLength(1)
    expect(ensured.state).toBe('pending')
    await advance(1)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout', retryable: true } })
    expect(service.held[0]?.isGivenUp()).toBe(true)
  })

  test('a code that comes after the deadline is never sent', async () => {
    const { auth, device, service, advance } = createPhone({ loginTimeoutMs: 5_000 })
    const { login } = device.wx
    let late: (() => void) | undefined
    device.wx.login = (options) => {
      late = () => options?.success?.({ code: 'late', errMsg: 'login:ok' })
    }
    const ensured = watch(auth.ensureLogin())
    await advance(5_000)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    device.wx.login = login
    late?.()
    await flush()
    expect(service.usedCodes).toEqual([])
    await advance(1_000)
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
  })

  test('an app that is put away in the middle of a login signs in when it comes back', async () => {
    const { auth, device, service, advance } = createPhone()
    service.exchanges.push('hold')
    const ensured = watch(auth.ensureLogin())
    await advance(1_000)
    device.lifecycle.hide()
    await advance(1_800_000)
    device.lifecycle.show()
    await advance(300)
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's1' } })
    expect(new Set(service.usedCodes).size).toBe(2)
  })

  test('timeoutMs limits the caller, not the login', async () => {
    const { auth, service, advance } = createPhone()
    service.exchanges.push('hold')
    const impatient = watch(auth.ensureLogin({ timeoutMs: 1_000 }))
    const patient = watch(auth.ensureLogin())
    await advance(1_000)
    expect(impatient).toMatchObject({ state: 'rejected', error: { code: 'login_timeout' } })
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(patient).toMatchObject({ state: 'resolved', value: { id: 's1' } })
  })
})

describe('what a login sends', () => {
  test('a login sends what loginData and device ask for', async () => {
    let asked = 0
    const { auth, service } = createPhone({ loginData: async () => ({ inviter: 'bob', n: ++asked }), device: true })
    await auth.ensureLogin()
    expect(service.calls[0]?.body).toEqual({
      appid: 'wx0000000000000000',
      code: expect.any(String),
      data: { inviter: 'bob', n: 1 },
      device: {
        platform: 'android',
        model: 'Emulator Phone',
        system: 'Android 14',
        wechatVersion: '8.0.58',
        sdkVersion: expect.stringMatching(/^3\.\d+\.\d+$/),
      },
    })
    await auth.ensureLogin({ force: true })
    expect(service.calls[1]?.body).toMatchObject({ data: { n: 2 } })
  })

  test('a login sends no device data unless it was asked for', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    expect(Object.keys(service.calls[0]?.body ?? {}).sort()).toEqual(['appid', 'code'])
  })

  test('a loginData that throws spends no code', async () => {
    const { auth, count, advance } = createPhone({
      loginData() {
        throw new Error('no inviter')
      },
    })
    const ensured = watch(auth.ensureLogin())
    await advance(300)
    expect(ensured).toMatchObject({ state: 'rejected', error: { errMsg: 'Error: no inviter' } })
    expect(count('wx.login')).toBe(0)
  })

  test('a login sends the token of the session it replaces, so that the service can end it', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    await auth.ensureLogin({ force: true })
    expect(service.calls.map(({ token }) => token)).toEqual([null, 'wxs1.000.token-1'])
  })
})

describe('the options header, isUnauthorized and logger', () => {
  test('header says how the token travels, everywhere', async () => {
    const { auth, service } = createPhone({ header: (token) => ({ 'X-Token': token }) })
    service.business = (call) => ({ status: 200, data: call.header['x-token'] ?? '' })
    expect((await auth.request({ url: '/products' })).data).toBe('wxs1.000.token-1')
    await auth.logout()
    expect(service.calls.at(-1)?.header).toMatchObject({ 'x-token': 'wxs1.000.token-1' })
    expect(service.calls.every(({ header }) => !('authorization' in header))).toBe(true)
  })

  test('logger gets every event, later, and never a secret', async () => {
    const lines: string[] = []
    const { auth, service, advance } = createPhone({ logger: (line) => lines.push(line) })
    await auth.ensureLogin()
    await auth.logout()
    service.exchanges.push(problem(403, 'user_disabled'))
    await auth.ensureLogin({ force: true }).catch(() => {})
    await advance(0)
    expect(lines).toEqual([
      'login s1',
      'logout signed_out',
      'loginFail login:fail the service at baseUrl answered 403 user_disabled',
    ])
    expect(lines.join()).not.toContain('token-')
  })

  test('a logger that throws changes nothing', async () => {
    const { auth, advance } = createPhone({
      logger() {
        throw new Error('no log')
      },
    })
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    await expect(advance(0)).rejects.toThrow('no log')
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })
})

describe('a code that wx.login had given before', () => {
  test.each([
    ['from a cache', { fromCache: true }],
    ['once more', { repeatCode: true }],
  ])('%s is a failed wx.login: it is not sent, and the next attempt asks again', async (_, fault) => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    phone.device.faults.set('wx.login', fault)
    const watched = watch(phone.auth.ensureLogin({ force: true }))
    await flush()
    expect(phone.service.usedCodes).toHaveLength(1)
    phone.device.faults.clear('wx.login')
    await phone.advance(300)
    expect(watched).toMatchObject({ state: 'resolved', value: { id: 's2' } })
    expect(new Set(phone.service.usedCodes).size).toBe(2)
  })
})

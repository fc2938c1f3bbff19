import { describe, expect, test } from 'vitest'
import { IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('logout', () => {
  test('logout forgets the session at once, tells the service, and lasts until the next tap', async () => {
    const phone = createPhone()
    const { auth, service } = phone
    const reasons: string[] = []
    auth.on('logout', ({ reason }) => reasons.push(reason))
    await auth.ensureLogin()
    const done = auth.logout()
    expect(auth.getSession()).toBeNull()
    await done
    expect(service.sessions.get('wxs1.000.token-1')).toBe('signed_out')
    await phone.advance(0)
    await auth.logout()
    await phone.advance(0)
    expect(reasons).toEqual(['signed_out'])
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
    const later = phone.restart()
    await expect(later.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    expect(phone.count('wx.login')).toBe(1)
    expect(await later.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's2' })
  })

  test('logout is done when it is stored', async () => {
    const { auth, device, advance } = createPhone()
    device.faults.set('wx.setStorage', { delayMs: 1_000 })
    const done = watch(auth.logout())
    await advance(999)
    expect(done.state).toBe('pending')
    await advance(1)
    expect(done.state).toBe('resolved')
  })

  test('logout works offline', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    phone.device.network.setOnline(false)
    await phone.auth.logout()
    phone.device.network.setOnline(true)
    await expect(phone.restart().ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('before the storage was read revokes the stored session', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    const auth = phone.restart()
    await auth.logout()
    expect(auth.getSession()).toBeNull()
    expect(phone.service.sessions.get('wxs1.000.token-1')).toBe('signed_out')
    await auth.logout()
    expect(phone.service.paths()).toEqual(['POST /v1/sessions', 'DELETE /v1/session'])
  })

  test('during the wx.login of a login: the code is never sent', async () => {
    const { auth, device, service, advance } = createPhone()
    const fails: unknown[] = []
    auth.on('loginFail', (error) => fails.push(error))
    device.faults.set('wx.login', { delayMs: 1_000 })
    const ensured = watch(auth.ensureLogin())
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    await auth.logout()
    await flush()
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    await advance(2_000)
    await advance(0)
    expect(fails).toEqual([])
    expect(service.calls).toEqual([])
    expect(auth.getSession()).toBeNull()
  })

  test('during the exchange of a login: the login is abandoned and its session is not used', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push('hold')
    const ensured = watch(auth.ensureLogin())
    await flush()
    await auth.logout()
    await flush()
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(service.held[0]?.isGivenUp()).toBe(true)
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(auth.getSession()).toBeNull()
  })

  test('a tap right after it signs in anew, without waiting for the abandoned login', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push('hold')
    const first = watch(auth.ensureLogin())
    await flush()
    await auth.logout()
    expect(await auth.ensureLogin({ force: true })).toMatchObject({ id: 's1' })
    expect(first).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(service.usedCodes).toHaveLength(2)
  })

  test('also ends a login that the user asked for', async () => {
    const { auth, service } = createPhone()
    await auth.logout()
    service.exchanges.push('hold')
    const tapped = watch(auth.ensureLogin({ force: true }))
    await flush()
    await auth.logout()
    await flush()
    expect(tapped).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(service.held[0]?.isGivenUp()).toBe(true)
  })

  test('logout rejects an ensureLogin that waits for WeChat, also when somebody has signed in meanwhile', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.checkSession', { hang: true })
    const auth = phone.restart()
    const ensured = watch(auth.ensureLogin())
    await flush()
    await auth.logout()
    await auth.ensureLogin({ force: true })
    await phone.advance(2_000)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
  })

  test('logout is over after the next tap: the session is then renewed silently again', async () => {
    const { auth, service } = createPhone()
    await auth.logout()
    await auth.ensureLogin({ force: true })
    service.revokeAll()
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })

  test('logout wins over an ensureLogin that has not begun its login yet', async () => {
    const { auth, count } = createPhone()
    const ensured = watch(auth.ensureLogin({ force: true }))
    await auth.logout()
    await flush()
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(count('wx.login')).toBe(0)
  })

  test('a request that was under way does not go on as whoever signs in next', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = (call) => (service.held.length === 0 ? 'hold' : service.answerFor(call.token))
    const request = watch(auth.request({ url: '/transfer', method: 'POST' }))
    await flush()
    await auth.logout()
    await auth.ensureLogin({ force: true })
    await service.held[0]?.answer(401, { code: 'session_revoked', reason: 'signed_out' })
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(String(request.error)).not.toContain('null')
    expect(service.paths().filter((path) => path === 'POST /transfer')).toHaveLength(1)
  })

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('no token is sent after a logout, %i steps into a request', async (steps) => {
    const phone = createPhone()
    let tokens = 0
    const request: typeof phone.device.wx.request = (options) => {
      if (options.header?.Authorization) tokens++
      return phone.device.wx.request(options)
    }
    const auth = phone.restart({ wx: { ...phone.device.wx, request } })
    await auth.ensureLogin()
    for (const mode of ['required', 'optional'] as const) watch(auth.request({ url: '/products', auth: mode }))
    for (let step = 0; step < steps; step++) await null
    const before = tokens
    const done = auth.logout()
    await flush()
    await done
    // Only the sign-out itself carries it.
    expect(tokens).toBe(before + 1)
  })

  test('logout settles also when WeChat never answers', async () => {
    const phone = createPhone()
    const { wx } = phone.device
    const silent = { ...wx, request: wx.request }
    const auth = phone.restart({ wx: silent })
    await auth.ensureLogin()
    silent.request = (options) => wx.request({ ...options, success() {}, fail() {} })
    const done = watch(auth.logout())
    await phone.advance(5_000)
    expect(done.state).toBe('resolved')
  })

  test('everywhere does not end a session made after it, however slow the storage is', async () => {
    const { auth, device, service, advance } = createPhone()
    await auth.ensureLogin()
    await flush()
    const { route } = service
    service.route = (call) => {
      if (call.method !== 'DELETE') return route(call)
      service.revokeAll('signed_out_elsewhere')
      return { status: 200, data: { revoked: 1 } }
    }
    device.faults.set('wx.setStorage', { delayMs: 1_000 })
    const done = watch(auth.logout({ everywhere: true }))
    await flush()
    await auth.ensureLogin({ force: true })
    await advance(2_000)
    expect(done.state).toBe('resolved')
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
  })

  test('because the session ended elsewhere does not stop a login that the user has already asked for', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const poll = watch(auth.request({ url: '/poll' }))
    await flush()
    service.exchanges.push('hold')
    const tapped = watch(auth.ensureLogin({ force: true }))
    await flush()
    await service.held[0]?.answer(401, problem(401, 'session_revoked', 'signed_out_elsewhere').data)
    await service.held[1]?.answer(201, service.issue())
    await flush()
    expect(poll).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
    expect(tapped).toMatchObject({ state: 'resolved', value: { id: 's2' } })
  })

  test('because the session ended elsewhere stops a silent login', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const { auth, service } = createPhone({ now: () => nowMs })
    await auth.ensureLogin({ force: true })
    service.business = () => 'hold'
    const poll = watch(auth.request({ url: '/poll' }))
    await flush()
    nowMs += IDLE_SECONDS * 1000
    service.exchanges.push('hold')
    const waiting = [watch(auth.request({ url: '/products' })), watch(auth.request({ url: '/more' }))]
    await flush()
    const [asked, exchange] = service.held
    await asked?.answer(401, problem(401, 'session_revoked', 'signed_out_elsewhere').data)
    await flush()
    expect(exchange?.isGivenUp()).toBe(true)
    for (const { error } of [poll, ...waiting]) expect(error).toMatchObject({ code: 'logged_out' })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('because the session ended elsewhere does not stop a login that the user asked for, also when requests wait for it', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const { auth, service } = createPhone({ now: () => nowMs })
    await auth.ensureLogin()
    service.business = (call) => (service.held.length === 0 ? 'hold' : service.answerFor(call.token))
    watch(auth.request({ url: '/poll' }))
    await flush()
    nowMs += IDLE_SECONDS * 1000
    service.exchanges.push('hold')
    const tapped = watch(auth.ensureLogin({ force: true }))
    const waiting = watch(auth.request({ url: '/products' }))
    await flush()
    const [poll, exchange] = service.held
    await poll?.answer(401, problem(401, 'session_revoked', 'signed_out_elsewhere').data)
    await exchange?.answer(201, service.issue())
    await flush()
    expect(tapped).toMatchObject({ state: 'resolved', value: { id: 's2' } })
    expect(waiting).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
  })
})

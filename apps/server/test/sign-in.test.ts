import { isAuthError } from '@weapp-auth/client'
import { authenticate } from '@weapp-auth/fastify'
import { describe, expect, test } from 'vitest'
import { COLUMNS, createAuthOnPhone, isAvailable, startService } from './service.ts'

/** The real client in the emulator's `wx` against the real service over HTTP, counted by the emulator's ledger. */
describe.each(COLUMNS.filter(isAvailable))('signing in, stores %s', (column) => {
  test('fifty parallel first requests cause one wx.login and one exchange', async () => {
    const service = await startService(column)
    const { auth } = createAuthOnPhone(service)
    const responses = await Promise.all(Array.from({ length: 50 }, () => auth.request({ url: '/v1/me' })))
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(50).fill(200))
    expect(counts(service)).toEqual({ logins: 1, exchanges: 1 })
  })

  test('fifty parallel 401s cause one', async () => {
    const service = await startService(column)
    const { auth } = createAuthOnPhone(service)
    const { user } = await auth.ensureLogin()
    await service.app.weappAuth.revokeAll(user.id, { reason: 'replaced' })
    const responses = await Promise.all(Array.from({ length: 50 }, () => auth.request({ url: '/v1/me' })))
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(Array(50).fill(200))
    expect(service.world.ledger.count('wx.request', { statusCode: 401 })).toBeGreaterThan(1)
    expect(counts(service)).toEqual({ logins: 2, exchanges: 2 })
  })

  test('a 401 that arrives late for an old token causes none', async () => {
    const gate = openable()
    const service = await startService(column, (app) => {
      app.get('/held', { onRequest: [() => gate.opened, authenticate] }, async () => ({ ok: true }))
    })
    const { auth } = createAuthOnPhone(service)
    const { user } = await auth.ensureLogin()
    const late = auth.request<{ ok: boolean }>({ url: '/held' })
    await service.app.weappAuth.revokeAll(user.id, { reason: 'replaced' })
    await auth.request({ url: '/v1/me' })
    expect(counts(service)).toEqual({ logins: 2, exchanges: 2 })
    gate.open()
    expect((await late).data).toEqual({ ok: true })
    expect(service.world.ledger.count('wx.request', { url: `${service.baseUrl}/held`, statusCode: 401 })).toBe(1)
    expect(counts(service)).toEqual({ logins: 2, exchanges: 2 })
  })

  test('a logout during a login wins', async () => {
    const service = await startService(column)
    const { auth } = createAuthOnPhone(service)
    service.world.faults.set('jscode2session', { delayMs: 1_000, times: 1 })
    const calls = Promise.allSettled([auth.ensureLogin(), auth.request({ url: '/v1/me' })])
    // It has met the one call there is.
    await expect.poll(() => service.world.faults.active()).toEqual({})
    await auth.logout()
    expect(await calls).toMatchObject([{ reason: { code: 'logged_out' } }, { reason: { code: 'logged_out' } }])
    // The exchange under way is given up; what it may still bring reaches nobody, and ends by itself.
    await expect.poll(() => service.world.ledger.count('wx.request', { errMsg: 'request:fail abort' })).toBe(1)
    await expect.poll(() => counts(service).exchanges).toBe(1)
    expect(auth.getSession()).toBeNull()
    await expect(auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
    expect(counts(service)).toEqual({ logins: 1, exchanges: 1 })
  })

  test.each([
    ['for reasons of its own gets one call and causes no login', {}, 1, 0],
    ['to every session gets two calls and causes one login', { code: 'session_invalid' }, 2, 1],
  ])('an address that answers 401 %s', async (_, body, calls, logins) => {
    let answered = 0
    const service = await startService(column, (app) => {
      app.get('/refusing', (_request, reply) => {
        answered++
        return reply.code(401).send(body)
      })
    })
    const { auth } = createAuthOnPhone(service)
    await auth.ensureLogin()
    const before = counts(service).logins
    const error = await auth.request({ url: '/refusing' }).catch((thrown: unknown) => thrown)
    expect(isAuthError(error) && error.code).toBe('unauthorized')
    expect(answered).toBe(calls)
    expect(counts(service).logins - before).toBe(logins)
    // The service itself still accepts the session there is.
    expect((await auth.request({ url: '/v1/me' })).statusCode).toBe(200)
    expect(counts(service).logins - before).toBe(logins)
  })

  test('the idle lifetime passes and the next request succeeds through one silent login', async () => {
    const service = await startService(column)
    const { auth, device } = createAuthOnPhone(service)
    await auth.ensureLogin()
    const twoHoursMs = 7_260_000
    service.world.clock.advance(twoHoursMs)
    device.clock.advance(twoHoursMs)
    expect((await auth.request({ url: '/v1/me' })).statusCode).toBe(200)
    expect(service.world.ledger.count('wx.request', { statusCode: 401 })).toBe(0)
    service.world.clock.advance(twoHoursMs)
    expect((await auth.request({ url: '/v1/me' })).statusCode).toBe(200)
    expect(service.world.ledger.count('wx.request', { statusCode: 401 })).toBe(1)
    expect(counts(service)).toEqual({ logins: 3, exchanges: 3 })
  })

  test('a user who keeps using the app keeps the session', async () => {
    const service = await startService(column)
    const { auth, device } = createAuthOnPhone(service)
    await auth.ensureLogin()
    for (let hour = 0; hour < 12; hour++) {
      service.world.clock.advance(3_600_000)
      device.clock.advance(3_600_000)
      expect((await auth.request({ url: '/v1/me' })).statusCode).toBe(200)
    }
    expect(counts(service)).toEqual({ logins: 1, exchanges: 1 })
  })

  test('a sign-out elsewhere stays until the user taps', async () => {
    const service = await startService(column)
    const here = createAuthOnPhone(service, 'alice', 'here')
    const elsewhere = createAuthOnPhone(service, 'alice', 'elsewhere')
    const reasons: string[] = []
    here.auth.on('logout', ({ reason }) => void reasons.push(reason))
    await Promise.all([here.auth.ensureLogin(), elsewhere.auth.ensureLogin()])
    const { data } = await elsewhere.auth.request({ url: '/v1/sessions?scope=others', method: 'DELETE' })
    expect(data).toEqual({ revoked: 1 })
    await expect(here.auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
    await expect(here.auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
    await expect.poll(() => reasons).toEqual(['signed_out_elsewhere'])
    expect(counts(service)).toEqual({ logins: 2, exchanges: 2 })
    await here.auth.ensureLogin({ force: true })
    expect((await here.auth.request({ url: '/v1/me' })).statusCode).toBe(200)
  })

  test('what a phone changes of the profile leaves what another one has changed', async () => {
    const service = await startService(column)
    const [one, two] = [createAuthOnPhone(service), createAuthOnPhone(service, 'alice', 'phone B')]
    await Promise.all([one.auth.ensureLogin(), two.auth.ensureLogin()])
    await one.auth.updateProfile({ nickname: '小明', city: '杭州' })
    const { profile } = await two.auth.updateProfile({ nickname: '小红' })
    expect(profile).toMatchObject({ nickname: '小红', city: '杭州' })
    expect(two.auth.getSession()?.user.profile).toEqual(profile)
    await expect(one.auth.updateProfile({ nickname: 'x'.repeat(1_000) })).rejects.toMatchObject({
      code: 'rejected',
      problem: 'request_invalid',
    })
  })

  test('two users of one service are two users', async () => {
    const service = await startService(column)
    const alice = await createAuthOnPhone(service, 'alice').auth.ensureLogin()
    const bob = await createAuthOnPhone(service, 'bob').auth.ensureLogin()
    const again = await createAuthOnPhone(service, 'alice').auth.ensureLogin()
    expect(alice.user).toMatchObject({ isNew: true })
    expect(bob.user.id).not.toBe(alice.user.id)
    expect(again.user).toEqual({ ...alice.user, isNew: false })
  })
})

function counts({ world }: Awaited<ReturnType<typeof startService>>) {
  return { logins: world.ledger.count('wx.login'), exchanges: world.ledger.count('jscode2session') }
}

function openable() {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

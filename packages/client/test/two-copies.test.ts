import { describe, expect, test } from 'vitest'
import { IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone, STORAGE_KEY as KEY } from './phone.ts'
import { flush, watch } from './watch.ts'

/** Two copies of the package in one app: each has its own memory, and both have the same storage. */
async function createTwoCopies(options: Parameters<typeof createPhone>[0] = {}) {
  const phone = createPhone(options)
  const main = phone.auth
  const sub = phone.addCopy()
  await main.ensureLogin()
  await flush()
  await sub.ensureLogin()
  const told: string[] = []
  sub.on('login', ({ id }) => told.push(`login ${id}`))
  sub.on('logout', ({ reason }) => told.push(`logout ${reason}`))
  return { ...phone, main, sub, told }
}

/** The fake service, with sign-ins at `/login` that are `u2`. */
function addSecondUser({ service }: ReturnType<typeof createPhone>): void {
  const { route } = service
  service.route = (call) => {
    if (call.path !== '/login') return route(call)
    const issued = service.issue()
    return { status: 201, data: { ...issued, user: { ...issued.user, id: 'u2' } } }
  }
}

describe('two copies of the package on one storage', () => {
  test('a logout in one is one in the other, as soon as it would sign in silently', async () => {
    const { main, sub, told, count, advance } = await createTwoCopies()
    await main.logout()
    await expect(sub.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
    await expect(sub.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    await advance(0)
    expect(told).toEqual(['logout signed_out'])
    expect(count('wx.login')).toBe(1)
  })

  test('a login in one is taken over by the other without a login of its own', async () => {
    const { main, sub, told, service, count, advance } = await createTwoCopies()
    service.revokeAll('replaced')
    expect(await main.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
    await flush()
    expect((await sub.request({ url: '/products' })).statusCode).toBe(200)
    expect(sub.getSession()).toMatchObject({ id: 's2' })
    await advance(0)
    expect(told).toEqual(['login s2'])
    expect(count('wx.login')).toBe(2)
  })

  test('a tap in one ends the sign-out in the other', async () => {
    const { main, sub, count } = await createTwoCopies()
    await main.logout()
    await expect(sub.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
    await main.ensureLogin({ force: true })
    await flush()
    expect((await sub.request({ url: '/products' })).statusCode).toBe(200)
    expect(sub.getSession()).toMatchObject({ id: 's2' })
    expect(count('wx.login')).toBe(2)
  })

  test('ensureSessionKey with a dead key takes over too, and signs nobody in who signed out', async () => {
    const { main, sub, device, count } = await createTwoCopies()
    device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin' })
    await main.logout({ remote: false })
    await expect(sub.ensureSessionKey()).rejects.toMatchObject({ code: 'logged_out' })
    expect(count('wx.login')).toBe(1)
  })

  test('a logout in the other copy while WeChat is asked about the stored session_key: no wx.login', async () => {
    const { main, sub: _, addCopy, device, count, advance } = await createTwoCopies()
    device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin', delayMs: 500 })
    const ensured = watch(addCopy().ensureLogin())
    await flush()
    await main.logout({ remote: false })
    await advance(500)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(count('wx.login')).toBe(1)
  })

  test('many refused requests at once read the storage once before the login', async () => {
    const { sub, service, count } = await createTwoCopies()
    service.revokeAll('replaced')
    const before = count('wx.getStorage')
    await Promise.all(['/a', '/b', '/c', '/d'].map((url) => sub.request({ url })))
    // Once for the refusals, once before the login, once before its commit.
    expect(count('wx.getStorage') - before).toBe(3)
  })

  test('a request that began as one user is never sent as another, whom the other copy signed in', async () => {
    const phone = await createTwoCopies()
    const { main, sub, service } = phone
    addSecondUser(phone)
    service.business = (call) => (call.path === '/transfer' ? 'hold' : service.answerFor(call.token))
    const transfer = watch(sub.request({ url: '/transfer', method: 'POST' }))
    await flush()
    await main.loginWith({ url: '/login' })
    await flush()
    await service.held[0]?.answer(401, problem(401, 'session_revoked', 'replaced').data)
    await flush()
    expect(transfer).toMatchObject({ state: 'rejected', error: { code: 'unauthorized' } })
    expect(service.paths().filter((path) => path === 'POST /transfer')).toHaveLength(1)
    // What begins now begins as the other user.
    expect((await sub.request({ url: '/products' })).statusCode).toBe(200)
    expect(sub.getSession()?.user.id).toBe('u2')
  })

  test("nor is one that waits, when auth is 'optional'", async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const phone = await createTwoCopies({ now: () => nowMs })
    const { main, sub, service } = phone
    addSecondUser(phone)
    await main.loginWith({ url: '/login' })
    await flush()
    nowMs += IDLE_SECONDS * 1000
    await expect(sub.request({ url: '/news', auth: 'optional' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(service.paths()).not.toContain('GET /news')
  })

  test('does not send the token of a session that the other copy has seen end with its next login', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const { main, sub, service } = await createTwoCopies({ now: () => nowMs })
    service.revokeAll()
    service.exchanges.push('hold', 'hold')
    const first = watch(main.request({ url: '/products' }))
    await flush()
    nowMs += IDLE_SECONDS * 1000
    const second = watch(sub.request({ url: '/products' }))
    await flush()
    expect([first.state, second.state]).toEqual(['pending', 'pending'])
    expect(service.held.map(({ path, token }) => [path, token])).toEqual([
      ['/v1/sessions', null],
      ['/v1/sessions', null],
    ])
  })

  test('waits until its own write has settled, and does not take its own older session for news', async () => {
    const { sub, device, service, count, advance, addCopy } = await createTwoCopies()
    device.faults.set('wx.setStorage', { delayMs: 1_000, times: 1 })
    await sub.ensureLogin({ force: true })
    service.revokeAll('replaced')
    const request = watch(sub.request({ url: '/products' }))
    await flush()
    expect(count('wx.login')).toBe(2)
    await advance(1_000)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(count('wx.login')).toBe(3)
    expect(await addCopy().ensureLogin()).toMatchObject({ id: 's3' })
  })

  test('with a full storage it does not fall back to a session that it wrote or read before', async () => {
    const { main, sub, device, service, count } = await createTwoCopies()
    device.faults.set('wx.setStorage', { errMsg: ':quota reached' })
    device.faults.set('wx.removeStorage', { errMsg: ':system error' })
    await sub.ensureLogin({ force: true })
    await flush()
    expect(device.storage.get(KEY)).toMatchObject({ active: { session: { id: 's1' } } })
    service.revokeAll('replaced')
    expect((await sub.request({ url: '/products' })).statusCode).toBe(200)
    expect(sub.getSession()).toMatchObject({ id: 's3' })
    expect(count('wx.login')).toBe(3)
    expect(main.getSession()).toMatchObject({ id: 's1' })
  })

  test('does not bring back a session that it has seen refused', async () => {
    const { main, sub, service, count, device } = await createTwoCopies()
    service.revokeAll('replaced')
    device.faults.set('wx.setStorage', { errMsg: ':quota reached' })
    device.faults.set('wx.removeStorage', { errMsg: ':system error' })
    expect((await sub.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
    expect((await main.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(3)
  })

  test('a logout here while the storage is read wins over what is found there', async () => {
    const { main, sub, device, service, advance } = await createTwoCopies()
    service.revokeAll('replaced')
    await main.ensureLogin({ force: true })
    await flush()
    device.faults.set('wx.getStorage', { delayMs: 500, times: 1 })
    const request = watch(sub.request({ url: '/products' }))
    await flush()
    await sub.logout()
    await advance(500)
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(sub.getSession()).toBeNull()
    await expect(sub.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('a tap here while the storage is read wins over what is found there', async () => {
    const { main, sub, device, service, advance } = await createTwoCopies()
    service.revokeAll('replaced')
    await main.ensureLogin({ force: true })
    await flush()
    device.faults.set('wx.getStorage', { delayMs: 500, times: 1 })
    const request = watch(sub.request({ url: '/products' }))
    await flush()
    await sub.ensureLogin({ force: true })
    await advance(500)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(sub.getSession()).toMatchObject({ id: 's3' })
  })

  test('a storage that does not answer is waited for two seconds, then the login goes on', async () => {
    const { sub, device, service, count, advance } = await createTwoCopies()
    service.revokeAll('replaced')
    device.faults.set('wx.getStorage', { hang: true, times: 1 })
    const request = watch(sub.request({ url: '/products' }))
    await advance(1_999)
    expect(count('wx.login')).toBe(1)
    await advance(1)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(count('wx.login')).toBe(2)
  })
})

describe('while the exchange of a silent login is under way', () => {
  /** A request of `sub` has caused a login, whose exchange waits for the test. */
  async function createWaitingCopy() {
    const phone = await createTwoCopies()
    const { sub, service } = phone
    service.revokeAll('replaced')
    service.exchanges.push('hold')
    const request = watch(sub.request({ url: '/products' }))
    await flush()
    const issued = service.issue()
    return { ...phone, request, issued, commit: () => service.held[0]?.answer(201, issued) }
  }

  test('a logout in the other copy stops it: nobody is signed in, and the session it brings is revoked', async () => {
    const { main, sub, told, service, request, issued, commit, advance, device, count } = await createWaitingCopy()
    await main.logout({ remote: false })
    await commit()
    await advance(0)
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(sub.getSession()).toBeNull()
    expect(told).toEqual(['logout signed_out'])
    expect(service.sessions.get(issued.token)).toBe('signed_out')
    expect(device.storage.get(KEY)).toMatchObject({ signedOut: 'signed_out' })
    await expect(sub.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    expect(count('wx.login')).toBe(2)
  })

  test('the session of a login in the other copy is taken over, and the one it brings is revoked', async () => {
    const { main, sub, told, service, request, issued, commit, advance } = await createWaitingCopy()
    await main.ensureLogin({ force: true })
    await flush()
    await commit()
    await advance(0)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(sub.getSession()).toMatchObject({ id: 's3' })
    expect(main.getSession()).toMatchObject({ id: 's3' })
    expect(told).toEqual(['login s3'])
    expect(service.sessions.get(issued.token)).toBe('signed_out')
  })

  test('that the session of the other copy has ended changes nothing: its own login commits', async () => {
    const { main, sub, service, device, advance } = await createTwoCopies()
    device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin', times: 1 })
    service.exchanges.push('hold', 'hold')
    const ensured = watch(sub.ensureSessionKey())
    await flush()
    service.revokeAll('replaced')
    const other = watch(main.request({ url: '/products' }))
    await flush()
    expect(device.storage.get(KEY)).toMatchObject({ isRenewable: true })
    await service.held[0]?.answer(201, service.issue())
    expect(ensured.state).toBe('resolved')
    expect(sub.getSession()).toMatchObject({ id: 's2' })
    // The other copy was in the middle of its own login, and goes on with this session.
    await service.held[1]?.answer(201, service.issue())
    await advance(0)
    expect(other).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(main.getSession()).toMatchObject({ id: 's2' })
  })

  test.each(['exchange', 'storage'])(
    'a tap here wins over a logout in the other copy, also during the %s',
    async (during) => {
      const { main, sub, request, commit, advance, device } = await createWaitingCopy()
      await main.logout({ remote: false })
      const tap = () => watch(sub.ensureLogin({ force: true }))
      let tapped = during === 'exchange' ? tap() : null
      if (!tapped) device.faults.set('wx.getStorage', { delayMs: 500, times: 1 })
      await commit()
      tapped ??= tap()
      await advance(500)
      expect(tapped).toMatchObject({ state: 'resolved', value: { id: 's2' } })
      expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
      expect(device.storage.get(KEY)).toMatchObject({ active: { session: { id: 's2' } } })
    },
  )

  test('a logout in the other copy also stops the login of ensureSessionKey', async () => {
    const { main, sub, service, device, advance } = await createTwoCopies()
    device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin' })
    service.exchanges.push('hold')
    const ensured = watch(sub.ensureSessionKey())
    await flush()
    await main.logout({ remote: false })
    await service.held[0]?.answer(201, service.issue())
    await advance(0)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(sub.getSession()).toBeNull()
  })
})

test('the first login of an app reads the storage once before it and once before its commit', async () => {
  const phone = createPhone()
  await Promise.all([phone.auth.request({ url: '/a' }), phone.auth.request({ url: '/b' }), phone.auth.ensureLogin()])
  expect(phone.count('wx.getStorage')).toBe(2)
})

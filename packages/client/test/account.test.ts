import { describe, expect, test } from 'vitest'
import { type Answer, problem } from './fake-service.ts'
import { createPhone, STORAGE_KEY } from './phone.ts'
import { flush, watch } from './watch.ts'

/** The fake service, with sign-ins at `/login` that are `user`. */
function addSecondUser({ service }: ReturnType<typeof createPhone>, user: object = { id: 'u2' }): void {
  const { route } = service
  service.route = (call) => (call.path === '/login' ? { status: 201, data: { ...service.issue(), user } } : route(call))
}

describe('updateAvatar', () => {
  const AVATAR = { status: 200, data: { avatarUrl: 'https://api.example.com/avatars/1.webp' } }

  test('uploads the file; the profile of the session has the address, also after a restart', async () => {
    const phone = createPhone()
    const { auth, service, device } = phone
    service.business = () => AVATAR
    const { profile } = (await auth.ensureLogin()).user
    expect(await auth.updateAvatar(device.files.create('a picture', '.png'))).toBe(AVATAR.data.avatarUrl)
    expect(service.calls.at(-1)).toMatchObject({ method: 'POST', path: '/v1/me/avatar', token: 'wxs1.000.token-1' })
    expect(service.calls.at(-1)?.bytes).toContain('a picture')
    expect(auth.getSession()?.user.profile).toEqual({ ...profile, ...AVATAR.data })
    await flush()
    expect((await phone.restart().ensureLogin()).user.profile.avatarUrl).toBe(AVATAR.data.avatarUrl)
  })

  test('after a 401 uploads the same file once more', async () => {
    const { auth, service, device, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    service.business = ({ token }) => (token === 'wxs1.000.token-2' ? AVATAR : service.answerFor(token))
    await auth.updateAvatar(device.files.create('a picture'))
    expect(count('wx.login')).toBe(2)
    expect(auth.getSession()?.user.profile.avatarUrl).toBe(AVATAR.data.avatarUrl)
  })

  test.each<[string, Answer | 'lose', object]>([
    ['415', problem(415, 'media_type_unsupported'), { code: 'rejected', problem: 'media_type_unsupported' }],
    ['413', problem(413, 'payload_too_large'), { code: 'rejected', problem: 'payload_too_large' }],
    [
      '404 from a service without avatars',
      problem(404, 'not_found'),
      { code: 'rejected', statusCode: 404, errMsg: 'request:fail the service at baseUrl answered 404 not_found' },
    ],
    ['503', problem(503, 'overloaded'), { code: 'unavailable' }],
    ['a page', { status: 200, data: '<html>' }, { code: 'bad_response' }],
    ['300 with a picture', { ...AVATAR, status: 300 }, { code: 'bad_response' }],
    ['nothing', 'lose', { code: 'network' }],
  ])('answered %s it rejects, and the profile stays', async (_, answer, error) => {
    const { auth, service, device } = createPhone()
    await auth.ensureLogin()
    service.business = () => answer
    await expect(auth.updateAvatar(device.files.create('a picture'))).rejects.toMatchObject(error)
    expect(auth.getSession()?.user.profile.avatarUrl).toBe('')
  })

  test('a file that is not there rejects, and nothing is sent', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    await expect(auth.updateAvatar('wxfile://gone.png')).rejects.toMatchObject({ name: 'AuthError' })
    expect(service.paths()).not.toContain('POST /v1/me/avatar')
  })

  test('updateAvatar does not change another user, who has signed in meanwhile', async () => {
    const phone = createPhone()
    addSecondUser(phone)
    const { auth, service, device } = phone
    await auth.ensureLogin()
    service.business = () => 'hold'
    const updated = watch(auth.updateAvatar(device.files.create('a picture')))
    await flush()
    await auth.loginWith({ url: '/login' })
    await service.held[0]?.answer(AVATAR.status, AVATAR.data)
    await flush()
    expect(updated.state).toBe('resolved')
    expect(auth.getSession()?.user).toEqual({ id: 'u2' })
  })

  test('and updateProfile at once: both stay', async () => {
    const { auth, service, device } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const { profile } = auth.getSession()?.user ?? {}
    const both = [
      watch<unknown>(auth.updateAvatar(device.files.create('a picture'))),
      watch<unknown>(auth.updateProfile({ nickname: 'Al' })),
    ]
    await flush()
    const answerOf = (path: string) => service.held.find((call) => call.path === path)
    await answerOf('/v1/me/profile')?.answer(200, { user: { id: 'u1', profile: { ...profile, nickname: 'Al' } } })
    await answerOf('/v1/me/avatar')?.answer(AVATAR.status, AVATAR.data)
    await flush()
    expect(both.map(({ state }) => state)).toEqual(['resolved', 'resolved'])
    expect(auth.getSession()?.user.profile).toMatchObject({ nickname: 'Al', ...AVATAR.data })
  })
})

describe('updateProfile', () => {
  const NAMED = { id: 'u1', profile: { nickname: 'Al' } }

  test('changes the user of the session also when the same user has signed in anew meanwhile', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const updated = watch(auth.updateProfile({ nickname: 'Al' }))
    await flush()
    await auth.ensureLogin({ force: true })
    await service.held[0]?.answer(200, { user: NAMED })
    expect(updated.state).toBe('resolved')
    expect(auth.getSession()).toMatchObject({ id: 's2', user: NAMED })
  })

  test('changes a user without an id in the session that it was called in', async () => {
    const phone = createPhone()
    addSecondUser(phone, { name: 'al' })
    const { auth, service } = phone
    await auth.loginWith({ url: '/login' })
    service.business = () => ({ status: 200, data: { user: { name: 'Al' } } })
    await auth.updateProfile({ nickname: 'Al' })
    expect(auth.getSession()?.user).toEqual({ name: 'Al' })
  })
})

describe('eraseUser', () => {
  /** A phone whose user the service can erase: that ends the sessions. */
  async function createErasablePhone() {
    const phone = createPhone()
    const { auth, service } = phone
    service.business = (call) => {
      const answer = service.answerFor(call.token)
      if (answer.status !== 200 || call.path !== '/v1/me') return answer
      service.revokeAll('erased')
      return { status: 204 }
    }
    await auth.ensureLogin()
    await phone.advance(0)
    const told: string[] = []
    auth.on('login', ({ id }) => told.push(`login ${id}`))
    auth.on('logout', ({ reason }) => told.push(`logout ${reason}`))
    return { ...phone, told }
  }

  test('eraseUser signs out for good: only a tap signs in, as a new user, also after a restart', async () => {
    const phone = await createErasablePhone()
    const { auth, service, told, device, count } = phone
    await auth.eraseUser()
    expect(auth.getSession()).toBeNull()
    expect(device.storage.get(STORAGE_KEY)).toMatchObject({ signedOut: 'erased' })
    await phone.advance(0)
    expect(told).toEqual(['logout erased'])
    expect(service.paths().at(-1)).toBe('DELETE /v1/me')
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
    const later = phone.restart()
    await expect(later.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    expect(count('wx.login')).toBe(1)
    expect(await later.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
  })

  test.each<[string, Answer | 'lose', object]>([
    ['503', problem(503, 'store_unavailable'), { code: 'unavailable' }],
    ['404 from a service without erasure', problem(404, 'not_found'), { code: 'rejected', statusCode: 404 }],
    ['nothing', 'lose', { code: 'network' }],
  ])('answered %s it rejects, and the user stays signed in', async (_, answer, error) => {
    const { auth, service, told, advance } = await createErasablePhone()
    service.business = () => answer
    await expect(auth.eraseUser()).rejects.toMatchObject(error)
    await advance(0)
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(told).toEqual([])
  })

  test('whose answer was lost succeeds when it is called again', async () => {
    const { auth, service, told, advance, count } = await createErasablePhone()
    const { business } = service
    service.business = (call) => {
      business?.(call)
      return 'lose'
    }
    await expect(auth.eraseUser()).rejects.toMatchObject({ code: 'network' })
    service.business = business
    await auth.eraseUser()
    await auth.eraseUser()
    await advance(0)
    expect(told).toEqual(['logout erased'])
    expect(count('wx.login')).toBe(1)
  })

  test('after a session that has expired signs in once and erases', async () => {
    const { auth, service, told, advance, count } = await createErasablePhone()
    service.revokeAll()
    await auth.eraseUser()
    await advance(0)
    expect(told).toEqual(['login s2', 'logout erased'])
    expect(count('wx.login')).toBe(2)
  })

  test('after a sign-out is logged_out, and erases nobody', async () => {
    const { auth, service } = await createErasablePhone()
    await auth.logout()
    await expect(auth.eraseUser()).rejects.toMatchObject({ code: 'logged_out' })
    expect(service.paths()).not.toContain('DELETE /v1/me')
  })

  test('a login that began before the answer never commits', async () => {
    const { auth, service, told, advance } = await createErasablePhone()
    const { business } = service
    service.business = (call) => (call.path === '/v1/me' ? 'hold' : (business?.(call) ?? { status: 500 }))
    const erased = watch(auth.eraseUser())
    await flush()
    service.revokeAll('replaced')
    service.exchanges.push('hold')
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    const [erasure, exchange] = service.held
    await erasure?.answer(204)
    expect(exchange?.isGivenUp()).toBe(true)
    await advance(0)
    expect(erased.state).toBe('resolved')
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(auth.getSession()).toBeNull()
    expect(told).toEqual(['logout erased'])
  })

  test.each([
    ['with an id', { id: 'u2' }],
    ['without an id', { name: 'bob' }],
  ])('another user %s, who has signed in meanwhile, stays signed in', async (_, user) => {
    const phone = await createErasablePhone()
    const { auth, service, told } = phone
    addSecondUser(phone, user)
    service.business = () => 'hold'
    const erased = watch(auth.eraseUser())
    await flush()
    await auth.loginWith({ url: '/login' })
    await service.held[0]?.answer(204)
    await phone.advance(0)
    expect(erased.state).toBe('resolved')
    expect(auth.getSession()).toMatchObject({ id: 's2', user })
    expect(told).toEqual(['login s2'])
  })

  test('an erasure whose answer comes after a sign-out and a new sign-in does not end the new session', async () => {
    const { auth, service } = await createErasablePhone()
    service.business = () => 'hold'
    const erased = watch(auth.eraseUser())
    await flush()
    await auth.logout({ remote: false })
    await auth.ensureLogin({ force: true })
    await service.held[0]?.answer(204)
    expect(erased.state).toBe('resolved')
    expect(auth.getSession()).toMatchObject({ id: 's2' })
  })

  test('of two users without an id, erasing the first does not sign out the second', async () => {
    const phone = createPhone()
    addSecondUser(phone, { name: 'al' })
    const { auth, service } = phone
    await auth.loginWith({ url: '/login' })
    service.business = () => 'hold'
    const erased = watch(auth.eraseUser())
    await flush()
    await auth.loginWith({ url: '/login' })
    await service.held[0]?.answer(204)
    await flush()
    expect(erased.state).toBe('resolved')
    expect(auth.getSession()).toMatchObject({ id: 's2' })
  })

  test('the end of an account by eraseUser holds in another copy of the package too', async () => {
    const phone = await createErasablePhone()
    const sub = phone.addCopy()
    await sub.ensureLogin()
    await phone.auth.eraseUser()
    await expect(sub.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
    expect(phone.count('wx.login')).toBe(1)
  })

  test('an erasure by the operator: the next 401 says so, and no login follows', async () => {
    const { auth, service, told, advance, count } = await createErasablePhone()
    service.revokeAll('erased')
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
    await advance(0)
    expect(told).toEqual(['logout erased'])
    expect(count('wx.login')).toBe(1)
  })
})

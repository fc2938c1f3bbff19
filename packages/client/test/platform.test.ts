import { afterEach, describe, expect, test, vi } from 'vitest'
import { createAuth, type Wx } from '../src/index.ts'
import { BASE_URL, createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('single-page mode', () => {
  test('single-page mode rejects at once with unavailable, without a wx.login', async () => {
    const phone = createPhone()
    phone.device.lifecycle.launch({ scene: 1154 })
    await expect(phone.auth.ensureLogin()).rejects.toMatchObject({ code: 'unavailable' })
    await expect(phone.auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unavailable' })
    expect(phone.count('wx.login')).toBe(0)
  })

  test('single-page mode sends an optional request without a token', async () => {
    const phone = createPhone()
    phone.device.lifecycle.launch({ scene: 1154 })
    phone.service.business = () => ({ status: 200, data: 'public' })
    expect((await phone.auth.request({ url: '/products', auth: 'optional' })).data).toBe('public')
    expect(phone.service.calls[0]?.token).toBeNull()
  })
})

describe('a wx', () => {
  afterEach(() => vi.unstubAllGlobals())

  test('a wx may appear after createAuth', async () => {
    const { device } = createPhone()
    vi.stubGlobal('wx', undefined)
    const auth = createAuth({ baseUrl: BASE_URL, storageKey: 'late wx' })
    const early = watch(auth.ensureLogin())
    await flush()
    vi.stubGlobal('wx', device.wx)
    device.clock.advance(300)
    await flush()
    expect(early).toMatchObject({ state: 'rejected', error: { code: 'unavailable' } })
    expect(await auth.ensureLogin({ force: true })).toMatchObject({ id: 's1' })
  })

  test.each([
    ['a string', '200'],
    ['NaN', Number.NaN],
  ])('may give %s for a status', async (_, status) => {
    const phone = createPhone()
    const request: Wx['request'] = (options) =>
      phone.device.wx.request({
        ...options,
        success(result) {
          options.success?.({ ...result, ...(result.statusCode === 200 && { statusCode: status as number }) })
        },
      })
    const auth = phone.restart({ wx: Object.assign(Object.create(phone.device.wx), { request }) })
    expect((await auth.request({ url: '/products' })).statusCode).toBe(status)
    expect(auth.getSession()).toMatchObject({ id: 's1' })
  })

  test('a wx may give NaN for every status: a session in the body is accepted', async () => {
    const phone = createPhone()
    const { wx } = phone.device
    const request: Wx['request'] = (options) =>
      wx.request({
        ...options,
        success: (result) => options.success?.({ ...result, statusCode: Number.NaN }),
      })
    const auth = phone.restart({ wx: { ...wx, request } })
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    phone.service.business = () => ({ status: 200, data: { data: { steps: 100 } } })
    expect(await auth.decrypt({ encryptedData: 'AAAA', iv: 'BBBB' })).toEqual({ steps: 100 })
    phone.service.exchanges.push({ status: 500, data: '<html>' })
    await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'bad_response' })
  })

  test('that interrupts a request in the background causes a network error', async () => {
    const { auth, service, device, advance } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const request = watch(auth.request({ url: '/products' }))
    await flush()
    device.lifecycle.hide()
    await advance(6_000)
    device.lifecycle.show()
    await flush()
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'network', errMsg: 'request:fail interrupted' } })
    expect(auth.getSession()).toMatchObject({ id: 's1' })
  })
})

describe('instances', () => {
  test('with the same key share one session, one login and their events', async () => {
    const phone = createPhone()
    const wx = Object.create(phone.device.wx)
    const [one, two] = [phone.restart({ wx }), phone.restart({ wx })]
    const heard: string[] = []
    two.on('login', ({ id }) => heard.push(id))
    await Promise.all([one.request({ url: '/a' }), two.request({ url: '/b' }), two.ensureLogin()])
    expect(phone.count('wx.login')).toBe(1)
    expect(one.getSession()).toEqual(two.getSession())
    await phone.advance(0)
    expect(heard).toEqual(['s1'])
    await one.logout()
    expect(two.getSession()).toBeNull()
    await expect(two.request({ url: '/c' })).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('of two services keep their tokens to themselves, also under the same key', async () => {
    const phone = createPhone()
    const wx = Object.create(phone.device.wx)
    const [one, two] = [phone.restart({ wx }), phone.restart({ wx, baseUrl: 'https://other.example.com' })]
    await one.ensureLogin()
    await two.request({ url: '/a' })
    const sent = phone.service.calls.filter(({ url }) => url.startsWith('https://other.example.com'))
    expect(sent.map(({ path, token }) => [path, token])).toEqual([
      ['/v1/sessions', null],
      ['/a', 'wxs1.000.token-2'],
    ])
  })

  test('of two services keep their sessions apart in the storage, also under the same key', async () => {
    const phone = createPhone()
    const baseUrl = 'https://other.example.com'
    await phone.restart().ensureLogin()
    await phone.restart({ baseUrl }).ensureLogin()
    await flush()
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's1' })
    expect(await phone.restart({ baseUrl }).ensureLogin()).toMatchObject({ id: 's2' })
    expect(phone.service.usedCodes).toHaveLength(2)
  })

  test('with storages of their own are independent, also under the same key', async () => {
    const phone = createPhone()
    const wx = Object.create(phone.device.wx)
    const createStorage = () => ({ get: async () => null, set: async () => {}, remove: async () => {} })
    const [one, two] = [
      phone.restart({ wx, storage: createStorage() }),
      phone.restart({ wx, storage: createStorage() }),
    ]
    expect(await one.ensureLogin()).toMatchObject({ id: 's1' })
    expect(two.getSession()).toBeNull()
    expect(await two.ensureLogin()).toMatchObject({ id: 's2' })
  })

  test('with different keys are independent', async () => {
    const phone = createPhone()
    const wx = Object.create(phone.device.wx)
    const [one, two] = [phone.restart({ wx }), phone.restart({ wx, storageKey: 'other' })]
    await Promise.all([one.ensureLogin(), two.ensureLogin()])
    expect(phone.count('wx.login')).toBe(2)
    await one.logout()
    expect((await two.request({ url: '/a' })).statusCode).toBe(200)
    expect(phone.device.storage.keys().sort()).toEqual([`other:${BASE_URL}`, `weapp-auth:${BASE_URL}`])
  })
})

describe('encrypt', () => {
  test('stores the session encrypted, and finds it again', async () => {
    const phone = createPhone({ encrypt: true })
    await phone.auth.ensureLogin()
    await flush()
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's1' })
    // Not to be found without: WeChat keeps the two apart.
    expect(await phone.restart({ encrypt: false }).ensureLogin()).toMatchObject({ id: 's2' })
  })
})

describe('a full storage', () => {
  test('brings back no session that has ended', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.device.faults.set('wx.setStorage', { errMsg: ':quota reached' })
    await phone.auth.logout()
    await flush()
    expect(phone.device.storage.keys()).toEqual([])
    phone.service.exchanges.push('lose', 'lose')
    const ensured = watch(phone.restart().ensureLogin())
    await phone.advance(300)
    expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'network' } })
  })
})

describe('logout', () => {
  test('everywhere ends all sessions, and rejects when the service could not be told', async () => {
    const { auth, service } = createPhone()
    const { route } = service
    service.route = (call) =>
      call.path === '/v1/sessions?scope=all' && call.method === 'DELETE'
        ? { status: 200, data: { revoked: 3 } }
        : route(call)
    await auth.ensureLogin()
    await auth.logout({ everywhere: true })
    expect(service.paths()).toEqual(['POST /v1/sessions', 'DELETE /v1/sessions?scope=all'])
    expect(auth.getSession()).toBeNull()
  })

  test('everywhere that failed is signed out here and can be called again', async () => {
    const { auth, service } = createPhone()
    const { route } = service
    let isDown = true
    service.route = (call) => {
      if (call.method !== 'DELETE') return route(call)
      return isDown ? 'lose' : { status: 200, data: { revoked: 1 } }
    }
    await auth.ensureLogin()
    await expect(auth.logout({ everywhere: true })).rejects.toMatchObject({ code: 'network' })
    expect(auth.getSession()).toBeNull()
    isDown = false
    await auth.logout({ everywhere: true })
    expect(service.calls.at(-1)).toMatchObject({ token: 'wxs1.000.token-1' })
    await expect(auth.logout({ everywhere: true })).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('with remote: false does not tell the service', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    await auth.logout({ remote: false })
    expect(service.paths()).toEqual(['POST /v1/sessions'])
    await expect(auth.request({ url: '/a' })).rejects.toMatchObject({ code: 'logged_out' })
  })
})

describe('a clock', () => {
  test.each([
    ['one hour ahead', 3_600_000],
    ['one hour behind', -3_600_000],
    ['a day ahead', 86_400_000],
    ['a year behind', -31_536_000_000],
  ])('that jumps %s causes at most one login', async (_, jumpMs) => {
    let offsetMs = 0
    const phone = createPhone()
    const auth = phone.restart({ now: () => phone.device.clock.now() + offsetMs })
    await auth.ensureLogin()
    offsetMs = jumpMs
    for (let n = 0; n < 20; n++) {
      expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
      await phone.advance(60_000)
    }
    offsetMs = 0
    for (let n = 0; n < 20; n++) await auth.request({ url: '/products' })
    expect(phone.count('wx.login')).toBeLessThanOrEqual(2)
  })
})

describe('a handler', () => {
  test('a handler may call ensureLogin and request without a deadlock', async () => {
    const { auth, service, advance } = createPhone()
    const done: string[] = []
    auth.on('login', async () => {
      await auth.ensureLogin()
      await auth.request({ url: '/from-login' })
      done.push('login')
    })
    auth.on('logout', async () => {
      await auth.ensureLogin({ force: true })
      done.push('logout')
    })
    await auth.ensureLogin()
    await advance(0)
    expect(done).toEqual(['login'])
    await auth.logout()
    await advance(0)
    await advance(0)
    expect(done).toEqual(['login', 'logout', 'login'])
    expect(service.paths()).toContain('GET /from-login')
  })
})

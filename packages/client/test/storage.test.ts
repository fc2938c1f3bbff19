import { describe, expect, test } from 'vitest'
import { IDLE_SECONDS } from './fake-service.ts'
import { createPhone, STORAGE_KEY as KEY } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('the stored session', () => {
  test.each([
    ['another service', { baseUrl: 'https://other.example.com' }],
    ['another app', { appid: 'wx1111111111111111' }],
  ])('is ignored by %s', async (_, options) => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    expect(await phone.restart(options).ensureLogin()).toMatchObject({ id: 's2' })
  })

  test('the stored session is never shared by the release, trial and develop versions of the app', async () => {
    const phone = createPhone()
    const start = (envVersion: string) => {
      const account = { miniProgram: { appId: phone.device.appid, envVersion } }
      return phone.restart({ wx: { ...phone.device.wx, getAccountInfoSync: () => account } })
    }
    const ids: string[] = []
    for (const version of ['release', 'trial', 'develop', 'release', 'release']) {
      ids.push((await start(version).ensureLogin()).id)
      await flush()
    }
    expect(ids).toEqual(['s1', 's2', 's3', 's4', 's4'])
  })

  test('of another format is ignored', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    const stored = phone.device.storage.get(KEY) as { scope: string }
    phone.device.storage.set(KEY, { ...stored, scope: stored.scope.replace(/^\d+/, '0') })
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's2' })
  })

  test('that the app cleared from the storage stays in memory and is written again', async () => {
    const { auth, device, advance, count } = createPhone()
    await auth.ensureLogin()
    await flush()
    device.storage.clear()
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    await advance(IDLE_SECONDS * 500)
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    await flush()
    expect(count('wx.login')).toBe(1)
    expect(device.storage.keys()).toEqual([KEY])
  })

  test('that the app clears after a restart stays in memory and is written again', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    const auth = phone.restart()
    await auth.ensureLogin()
    phone.device.storage.clear()
    await phone.advance(IDLE_SECONDS * 500)
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    await flush()
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect(phone.device.storage.keys()).toEqual([KEY])
  })

  test('under another key is not seen', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    expect(await phone.restart({ storageKey: 'other' }).ensureLogin()).toMatchObject({ id: 's2' })
  })

  test.each([null, 0, '', 'x', [], {}, { format: 0 }, { token: 't' }])('that is %j is ignored', async (value) => {
    const phone = createPhone()
    phone.device.storage.set(KEY, value)
    expect(await phone.auth.ensureLogin()).toMatchObject({ id: 's1' })
  })

  test.each([
    ['token', null],
    ['token', 'a b'],
    ['session', {}],
    ['user', null],
    ['expiresIn', -1],
    ['expiresAtMs', 'soon'],
    ['expiresAtMs', null],
  ])('whose %s became %j is ignored', async (name, value) => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    const stored = phone.device.storage.get(KEY) as { active: object }
    phone.device.storage.set(KEY, { ...stored, active: { ...stored.active, [name]: value } })
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's2' })
  })

  test('the stored session is replaced by a mark without a token when the service refuses it', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    phone.service.revokeAll()
    phone.service.exchanges.push('lose', 'lose')
    const request = watch(phone.auth.request({ url: '/products' }))
    await phone.advance(300)
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'network' } })
    expect(phone.device.storage.get(KEY)).toEqual({ scope: expect.any(String), isRenewable: true })
  })
})

describe('a storage', () => {
  test('that refuses to write: the session lives in memory', async () => {
    const { auth, device, count } = createPhone()
    device.faults.set('wx.setStorage', { errMsg: 'quota reached' })
    await auth.ensureLogin()
    await flush()
    expect((await auth.request({ url: '/products' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(1)
  })

  test('that never answers is ignored: two seconds before the login, and two before its commit', async () => {
    const { auth, device, advance, count } = createPhone()
    device.faults.set('wx.getStorage', { hang: true })
    const ensured = watch(auth.ensureLogin())
    await advance(2_000)
    expect(count('wx.login')).toBe(1)
    await advance(2_000)
    expect(ensured).toMatchObject({ state: 'resolved', value: { id: 's1' } })
  })

  test('that throws does not prevent a login', async () => {
    const phone = createPhone()
    const fail = () => {
      throw new Error('no storage here')
    }
    const auth = phone.restart({ storage: { get: fail, set: fail, remove: fail } })
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    await auth.logout()
  })

  test('of another kind can be given', async () => {
    const kept = new Map<string, unknown>()
    const phone = createPhone({
      storage: {
        get: async (key) => kept.get(key),
        set: async (key, value) => kept.set(key, JSON.parse(JSON.stringify(value))),
        remove: async (key) => kept.delete(key),
      },
    })
    await phone.auth.ensureLogin()
    await flush()
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's1' })
    expect(phone.device.storage.keys()).toEqual([])
  })

  test.each([
    ['in order', [0, 1]],
    ['the other way round', [1, 0]],
  ])('keeps what was written last when writes overlap and land %s', async (_, order) => {
    const pending: (() => void)[] = []
    let kept: unknown
    const phone = createPhone({
      storage: {
        get: async () => undefined,
        set: (_, value) =>
          new Promise((resolve) => {
            pending.push(() => {
              kept = value
              resolve(undefined)
            })
          }),
        remove: async () => {},
      },
    })
    await phone.auth.ensureLogin()
    const done = watch(phone.auth.logout())
    await flush()
    for (const nth of order) {
      pending[nth]?.()
      await flush()
    }
    pending[2]?.()
    await flush()
    expect(kept).toMatchObject({ signedOut: 'signed_out' })
    expect(done.state).toBe('resolved')
    expect(pending).toHaveLength(3)
  })

  test('whose write lands late brings no session back', async () => {
    const phone = createPhone()
    phone.device.faults.set('wx.setStorage', { delayMs: 3_000, times: 1 })
    await phone.auth.ensureLogin()
    await phone.advance(2_000)
    await phone.auth.logout()
    await phone.advance(1_000)
    expect(phone.device.storage.get(KEY)).toMatchObject({ signedOut: 'signed_out' })
    await expect(phone.restart().ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  })
})

test('getSession is null until the storage was read, and does not show the token', async () => {
  const phone = createPhone()
  await phone.auth.ensureLogin()
  await flush()
  const auth = phone.restart()
  expect(auth.getSession()).toBeNull()
  await auth.request({ url: '/products' })
  expect(auth.getSession()).toEqual({
    id: 's1',
    createdAt: '2026-01-01T00:00:00.000Z',
    expiresAtMs: expect.any(Number),
    user: expect.objectContaining({ id: 'u1' }),
  })
})

import {
  ApiError,
  createSessionKeyVault,
  createSqliteSessionStore,
  createSqlPhoneStore,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
} from '@weapp-auth/fastify'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createAuthOnPhone, environment, startService } from './service.ts'

/** A white GIF of one pixel. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64')

/** The real service on stores that a test can make fail, and two phones of one user with the real client. */
async function start() {
  const db = openSqliteUsers(':memory:')
  await migrateUsers(db)
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const users = createSqlUserStore({ db, vault })
  const phones = createSqlPhoneStore({ db, vault })
  const sessions = createSqliteSessionStore({ file: ':memory:' })
  const service = await startService(await environment('embedded'), undefined, {
    users,
    phones: { store: phones },
    openSessions: () => ({ sessions, accessTokens: null }),
    // Phones and service share this process, and make it late on a busy machine.
  })
  onTestFinished(async () => {
    await service.close()
    await sessions.close()
    await db.destroy()
  })
  let isAnswerLost = false
  service.app.server.prependListener('request', (request, response) => {
    if (!isAnswerLost) return
    isAnswerLost = false
    response.end = () => {
      request.socket.destroy()
      return response
    }
  })
  const { device, auth } = createAuthOnPhone(service)
  const other = createAuthOnPhone(service, 'alice', 'tablet').auth
  const appid = service.world.apps[0]?.appid ?? ''
  const told: string[] = []
  auth.on('logout', ({ reason }) => told.push(reason))
  return {
    ...service,
    users,
    phones,
    sessions,
    device,
    auth,
    other,
    told,
    /** A code of alice's `getPhoneNumber` button, or of somebody else's. */
    phoneCode: (user = 'alice') => service.world.phones.issueCode(user, appid).code,
    /** The service does what it is asked next, and the phone never hears of it. */
    loseNextAnswer: () => {
      isAnswerLost = true
    },
    /** The next call of this method finds the store away. */
    fail: (store: object, method: string) => {
      const away = () => Promise.reject(new ApiError('store_unavailable', 'away', { retryAfterSeconds: 1 }))
      vi.spyOn(store as Record<string, () => Promise<never>>, method).mockImplementationOnce(away)
    },
  }
}

describe('auth.eraseUser, the real client against the real service', () => {
  test('eraseUser signs every phone out for good, and a tap makes a new user without number, name or picture', async () => {
    const { auth, other, device, told, phoneCode, users, phones } = await start()
    const { user } = await auth.ensureLogin({ phoneCode: phoneCode() })
    await auth.updateProfile({ nickname: 'Al' })
    const picture = await auth.updateAvatar(device.files.create(GIF, '.gif'))
    await other.ensureLogin()
    const number = await phones.find(user.id)
    await auth.eraseUser()
    expect(auth.getSession()).toBeNull()
    await expect.poll(() => told).toEqual(['erased'])
    expect([await users.findUser(user.id), await phones.find(user.id)]).toEqual([null, null])
    expect((await fetch(picture)).status).toBe(404)
    for (const phone of [auth, other]) {
      await expect(phone.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
      await expect(phone.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    }
    const again = await auth.ensureLogin({ force: true, phoneCode: phoneCode() })
    expect(again.user).toMatchObject({ isNew: true, profile: { nickname: '', avatarUrl: '' } })
    expect(again.user.id).not.toBe(user.id)
    // The number was free.
    expect(await phones.find(again.user.id)).toEqual(number)
  })

  test('eraseUser rejects when a store is away at any step, and completes when it is called again', async () => {
    const { auth, users, sessions, told, fail } = await start()
    const { user } = await auth.ensureLogin()
    const steps = [
      [sessions, 'find'],
      [users, 'beginErasure'],
      [sessions, 'block'],
      [sessions, 'revokeAll'],
    ] as const
    for (const [store, method] of steps) {
      fail(store, method)
      await expect(auth.eraseUser(), method).rejects.toMatchObject({
        code: 'unavailable',
        problem: 'store_unavailable',
        retryAfterMs: 1_000,
      })
      expect(auth.getSession(), method).not.toBeNull()
      expect(told).toEqual([])
    }
    await auth.eraseUser()
    await expect.poll(() => told).toEqual(['erased'])
    expect([await users.findUser(user.id), await users.findErasing(1)]).toEqual([null, []])
  })

  test('an erasure that fails when the sessions have ended already is over for the phone, and the next sign-in finishes it', async () => {
    const { auth, users, told, fail } = await start()
    const { user } = await auth.ensureLogin()
    fail(users, 'eraseUser')
    await expect(auth.eraseUser()).rejects.toMatchObject({ code: 'unavailable' })
    await auth.eraseUser()
    expect(auth.getSession()).toBeNull()
    await expect.poll(() => told).toEqual(['erased'])
    expect(await users.findErasing(1)).toEqual([user.id])
    const again = await auth.ensureLogin({ force: true })
    expect(again.user.id).not.toBe(user.id)
    expect(await users.findErasing(1)).toEqual([])
  })

  test('eraseUser rejects when its answer is lost, and succeeds when it is called again', async () => {
    const { auth, users, told, loseNextAnswer } = await start()
    const { user } = await auth.ensureLogin()
    loseNextAnswer()
    await expect(auth.eraseUser()).rejects.toMatchObject({ code: 'network' })
    expect(await users.findUser(user.id)).toBeNull()
    await auth.eraseUser()
    expect(auth.getSession()).toBeNull()
    await expect.poll(() => told).toEqual(['erased'])
  })

  test('eraseUser without a network rejects, and nobody is erased', async () => {
    const { auth, users, device } = await start()
    const { user } = await auth.ensureLogin()
    device.network.setOnline(false)
    await expect(auth.eraseUser()).rejects.toMatchObject({ code: 'network' })
    device.network.setOnline(true)
    expect(await users.findUser(user.id)).not.toBeNull()
    expect((await auth.request({ url: '/v1/me' })).statusCode).toBe(200)
  })

  test('eraseUser on a phone that was signed out from another one erases nobody', async () => {
    const { auth, other, users } = await start()
    const { user } = await auth.ensureLogin()
    await other.ensureLogin()
    await other.logout({ everywhere: true })
    await expect(auth.eraseUser()).rejects.toMatchObject({ code: 'logged_out' })
    expect(await users.findUser(user.id)).not.toBeNull()
  })

  test('eraseUser of a user who was disabled erases nobody', async () => {
    const { app, auth, users } = await start()
    const { user } = await auth.ensureLogin()
    await app.weappAuth.disableUser(user.id, { reason: 'spam' })
    await expect(auth.eraseUser()).rejects.toMatchObject({ code: 'logged_out' })
    expect(await users.findUser(user.id)).not.toBeNull()
  })
})

describe('auth.updateAvatar, the real client against the real service', () => {
  test('updateAvatar tells each failure, and the profile stays until it succeeds', async () => {
    const { auth, device, users, sessions, loseNextAnswer, fail } = await start()
    const { user } = await auth.ensureLogin()
    const file = device.files.create(GIF, '.gif')
    const large = device.files.create(Buffer.concat([GIF, Buffer.alloc(5 * 1024 * 1024)]), '.gif')
    await expect(auth.updateAvatar(large)).rejects.toMatchObject({ code: 'rejected', problem: 'payload_too_large' })
    await expect(auth.updateAvatar(device.files.create('', '.gif'))).rejects.toMatchObject({ code: 'rejected' })
    await expect(auth.updateAvatar('wxfile://gone.gif')).rejects.toMatchObject({ name: 'AuthError' })
    device.network.setOnline(false)
    await expect(auth.updateAvatar(file)).rejects.toMatchObject({ code: 'network' })
    device.network.setOnline(true)
    fail(users, 'updateProfile')
    await expect(auth.updateAvatar(file)).rejects.toMatchObject({ code: 'unavailable', problem: 'store_unavailable' })
    expect([auth.getSession()?.user.profile, (await users.findUser(user.id))?.profile]).toMatchObject([
      { avatarUrl: '' },
      { avatarUrl: '' },
    ])
    // The service has the picture; the phone learns it with the next one.
    loseNextAnswer()
    await expect(auth.updateAvatar(file)).rejects.toMatchObject({ code: 'network' })
    expect(auth.getSession()?.user.profile.avatarUrl).toBe('')
    // A session that has ended costs one login, and the file is sent again.
    await sessions.revokeAll(user.id, { nowMs: Date.now(), idleMs: 1, reason: 'replaced' })
    const avatarUrl = await auth.updateAvatar(file)
    expect(auth.getSession()?.user.profile.avatarUrl).toBe(avatarUrl)
    expect((await users.findUser(user.id))?.profile.avatarUrl).toBe(avatarUrl)
  })

  test('updateAvatar tells when a user sends more than twenty pictures in an hour', async () => {
    const { auth, device } = await start()
    await auth.ensureLogin()
    const told: unknown[] = []
    for (let i = 0; i < 21; i++) {
      await auth.updateAvatar(device.files.create('no picture', '.gif')).catch(({ problem }) => told.push(problem))
    }
    expect(told).toEqual([...Array(20).fill('media_type_unsupported'), 'rate_limited'])
  })
})

describe('auth.bindPhone and phoneCode, the real client against the real service', () => {
  test('bindPhone tells each failure, never sends a code twice, and the session stays', async () => {
    const { auth, world, device, phones, sessions, phoneCode, loseNextAnswer } = await start()
    const { user } = await auth.ensureLogin()
    const sent = () => world.ledger.count('getuserphonenumber')
    await expect(auth.bindPhone(phoneCode('bob'))).rejects.toMatchObject({ problem: 'phone_code_invalid' })
    await expect(auth.bindPhone('no code, says the rule')).rejects.toMatchObject({ problem: 'request_invalid' })
    for (const [fault, problem] of [
      [{ errcode: 1400001 }, 'wechat_misconfigured'],
      [{ errcode: 48001 }, 'wechat_misconfigured'],
      [{ errcode: -1 }, 'wechat_busy'],
      [{ reset: true }, 'wechat_unreachable'],
    ] as const) {
      world.faults.set('getuserphonenumber', { ...fault, times: 1 })
      await expect(auth.bindPhone(phoneCode()), problem).rejects.toMatchObject({ code: 'unavailable', problem })
    }
    device.network.setOnline(false)
    const code = phoneCode()
    await expect(auth.bindPhone(code)).rejects.toMatchObject({ code: 'network' })
    device.network.setOnline(true)
    expect(await phones.find(user.id)).toBeNull()
    // Kept by the service, and the phone does not know: the same code is refused, the number is there.
    loseNextAnswer()
    const before = sent()
    await expect(auth.bindPhone(code)).rejects.toMatchObject({ code: 'network' })
    await vi.waitFor(async () => expect(await phones.find(user.id)).not.toBeNull())
    await expect(auth.bindPhone(code)).rejects.toMatchObject({ problem: 'phone_code_invalid' })
    expect(sent()).toBe(before + 2)
    await sessions.revokeAll(user.id, { nowMs: Date.now(), idleMs: 1, reason: 'signed_out_elsewhere' })
    await expect(auth.bindPhone(phoneCode())).rejects.toMatchObject({ code: 'unauthorized' })
    expect(auth.getSession()).toBeNull()
    expect(sent()).toBe(before + 2)
  })

  test('a sign-in whose phone code fails makes no user and no session, and the next tap succeeds', async () => {
    const service = await start()
    const { world, users, phoneCode } = service
    for (const [fault, error] of [
      [{ errcode: 1400001 }, { code: 'unavailable', problem: 'wechat_misconfigured' }],
      [{ errcode: 40029 }, { code: 'login_rejected', problem: 'phone_code_invalid' }],
      [{ reset: true }, { code: 'unavailable', problem: 'wechat_unreachable' }],
    ] as const) {
      // A phone of its own for each: three logins in ten seconds are the most.
      const { auth } = createAuthOnPhone(service, 'alice', error.problem)
      world.faults.set('getuserphonenumber', { ...fault, times: 1 })
      await expect(auth.ensureLogin({ phoneCode: phoneCode() }), error.problem).rejects.toMatchObject(error)
      expect(auth.getSession()).toBeNull()
    }
    expect(await users.listUsers({ after: null, limit: 10 })).toEqual([])
    expect(world.ledger.count('getuserphonenumber')).toBe(3)
    expect((await service.auth.ensureLogin({ phoneCode: phoneCode() })).user.isNew).toBe(true)
  })

  test('bindPhone tells when a user sends more than ten phone codes in an hour, before WeChat is asked', async () => {
    const { auth, world, phoneCode } = await start()
    await auth.ensureLogin()
    for (let i = 0; i < 10; i++) await auth.bindPhone(phoneCode())
    await expect(auth.bindPhone(phoneCode())).rejects.toMatchObject({
      problem: 'rate_limited',
      retryAfterMs: expect.any(Number),
    })
    expect(world.ledger.count('getuserphonenumber')).toBe(10)
  })
})

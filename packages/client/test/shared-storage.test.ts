import { describe, expect, test } from 'vitest'
import type { KeyValueStorage } from '../src/index.ts'
import { IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

/** One storage that two copies of the package open; the next read of the second one can be held back. */
function createSharedStorage() {
  const kept = new Map<string, unknown>()
  const held: (() => void)[] = []
  const storage = {
    kept,
    isHolding: false,
    /** Answers the reads that were held back, with what stood there when they began. */
    async release() {
      for (const answer of held.splice(0)) answer()
      await flush()
    },
    open(): KeyValueStorage {
      return {
        async get(key) {
          const found = structuredClone(kept.get(key))
          if (storage.isHolding) await new Promise<void>((resolve) => held.push(resolve))
          return found
        },
        set: async (key, value) => kept.set(key, structuredClone(value)),
        remove: async (key) => kept.delete(key),
      }
    },
  }
  return storage
}

/** Two copies with the same session; then `main` has signed in anew, and a request of `sub` looks into the storage. */
async function createLookingCopy() {
  const storage = createSharedStorage()
  const phone = createPhone({ storage: storage.open() })
  const main = phone.auth
  const sub = phone.addCopy({ storage: storage.open() })
  await main.ensureLogin()
  await flush()
  await sub.ensureLogin()
  const told: string[] = []
  sub.on('login', ({ id }) => told.push(`login ${id}`))
  sub.on('logout', ({ reason }) => told.push(`logout ${reason}`))
  phone.service.revokeAll('replaced')
  await main.ensureLogin({ force: true })
  await flush()
  storage.isHolding = true
  const request = watch(sub.request({ url: '/products' }))
  await flush()
  storage.isHolding = false
  return { ...phone, storage, main, sub, told, request }
}

/** Two copies of the package on one storage, with the session that the first one has made. */
async function signInOnTwoCopies() {
  const storage = createSharedStorage()
  const phone = createPhone({ storage: storage.open() })
  const { service, auth: main } = phone
  const sub = phone.addCopy({ storage: storage.open() })
  await main.ensureLogin()
  await flush()
  await sub.ensureLogin()
  return { storage, phone, service, main, sub }
}

describe('while a copy looks into the storage', () => {
  test('a logout in it wins over the session that is found there', async () => {
    const { sub, storage, request, told, advance } = await createLookingCopy()
    await sub.logout()
    await storage.release()
    await advance(0)
    expect(request).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
    expect(sub.getSession()).toBeNull()
    expect(told).toEqual(['logout signed_out'])
    await expect(sub.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('a login that the user has asked for wins, also before it has ended', async () => {
    const { sub, service, storage, request, told, advance } = await createLookingCopy()
    service.exchanges.push('hold')
    const tapped = watch(sub.ensureLogin({ force: true }))
    await flush()
    await storage.release()
    // Its own session has ended, and that of the other copy does not take the place of the one that is on its way.
    expect(sub.getSession()).toBeNull()
    await service.held[0]?.answer(201, service.issue())
    await flush()
    await advance(0)
    expect(tapped).toMatchObject({ state: 'resolved', value: { id: 's3' } })
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(told).toEqual(['login s3'])
  })

  test('a login that was quicker than the storage wins', async () => {
    const { sub, storage, request, told, advance } = await createLookingCopy()
    await sub.ensureLogin({ force: true })
    await storage.release()
    await advance(0)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(sub.getSession()).toMatchObject({ id: 's3' })
    expect(told).toEqual(['login s3'])
  })

  test('a copy that looks into the storage finds the session of the other copy when nothing happens meanwhile', async () => {
    const { sub, storage, request, told, advance, count } = await createLookingCopy()
    await storage.release()
    await advance(0)
    expect(request).toMatchObject({ state: 'resolved', value: { statusCode: 200 } })
    expect(sub.getSession()).toMatchObject({ id: 's2' })
    expect(told).toEqual(['login s2'])
    expect(count('wx.login')).toBe(2)
  })
})

test('a sign-in that the user has not asked for ends with a sign-out, also when the user signs in again while the storage is read', async () => {
  const { storage, phone, main } = await signInOnTwoCopies()
  await phone.advance(IDLE_SECONDS * 1_000)
  storage.isHolding = true
  const ensured = watch(main.ensureLogin())
  await flush()
  storage.isHolding = false
  await main.logout({ remote: false })
  expect(await main.ensureLogin({ force: true })).toMatchObject({ id: 's2' })
  await storage.release()
  expect(ensured).toMatchObject({ state: 'rejected', error: { code: 'logged_out' } })
})

test('a read of the storage that began before another copy signed out does not let a silent login commit', async () => {
  const { storage, phone, service, main, sub } = await signInOnTwoCopies()
  service.revokeAll('replaced')
  service.business = (call) => (call.path === '/slow' ? 'hold' : service.answerFor(call.token))
  service.exchanges.push('hold')
  const slow = watch(sub.request({ url: '/slow' }))
  await flush()
  // Its session is the stored one as long as nobody writes: the login of ensureSessionKey does not end it.
  phone.device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin' })
  const ensured = watch(sub.ensureSessionKey())
  await flush()
  const [refusal, exchange] = service.held
  storage.isHolding = true
  await refusal?.answer(401, problem(401, 'session_revoked', 'replaced').data)
  storage.isHolding = false
  await main.logout({ remote: false })
  await exchange?.answer(201, service.issue())
  await storage.release()
  await phone.advance(0)
  expect([slow, ensured]).toMatchObject([{ state: 'rejected' }, { state: 'rejected', error: { code: 'logged_out' } }])
  expect(sub.getSession()).toBeNull()
  expect([...storage.kept.values()]).toMatchObject([{ signedOut: 'signed_out' }])
})

test('a copy that goes on with its session does not write over the sign-out of another', async () => {
  const storage = createSharedStorage()
  const phone = createPhone({ storage: storage.open() })
  const sub = phone.addCopy({ storage: storage.open() })
  await phone.auth.ensureLogin()
  await flush()
  await sub.ensureLogin()
  await phone.auth.logout({ remote: false })
  await phone.advance(IDLE_SECONDS * 500)
  // The service does not know of the sign-out yet.
  expect((await sub.request({ url: '/products' })).statusCode).toBe(200)
  await flush()
  expect([...storage.kept.values()]).toMatchObject([{ signedOut: 'signed_out' }])
  await expect(sub.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
})

test('a copy whose session was ended elsewhere does not write over the new session of another', async () => {
  const { storage, service, main, sub } = await signInOnTwoCopies()
  await main.ensureLogin({ force: true })
  await flush()
  service.business = ({ token }) =>
    token === 'wxs1.000.token-1' ? problem(401, 'session_revoked', 'signed_out_elsewhere') : { status: 200 }
  expect((await sub.request({ url: '/products' })).statusCode).toBe(200)
  expect(sub.getSession()).toMatchObject({ id: 's2' })
  expect([...storage.kept.values()]).toMatchObject([{ active: { session: { id: 's2' } } }])
})

test('a second sign-out in another copy is not taken for the first', async () => {
  const storage = createSharedStorage()
  const phone = createPhone({ storage: storage.open() })
  const { auth: main, count } = phone
  const sub = phone.addCopy({ storage: storage.open() })
  await main.ensureLogin()
  await flush()
  await sub.ensureLogin()
  await main.logout()
  await expect(sub.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
  await sub.ensureLogin({ force: true })
  await flush()
  expect((await main.request({ url: '/products' })).statusCode).toBe(200)
  await main.logout()
  await expect(sub.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
  expect(count('wx.login')).toBe(2)
})

test('a sign-out that is found while the user signs in here counts when that sign-in fails', async () => {
  const { main, sub, service, storage, request, advance } = await createLookingCopy()
  await storage.release()
  await flush()
  expect(request.state).toBe('resolved')
  service.revokeAll('replaced')
  await main.logout({ remote: false })
  storage.isHolding = true
  const second = watch(sub.request({ url: '/products' }))
  await flush()
  storage.isHolding = false
  service.exchanges.push('hold')
  const tapped = watch(sub.ensureLogin({ force: true }))
  await flush()
  await storage.release()
  await service.held[0]?.answer(403, problem(403, 'user_disabled').data)
  await advance(10_000)
  expect(tapped.state).toBe('rejected')
  expect(second.state).toBe('rejected')
  await expect(sub.request({ url: '/products' })).rejects.toMatchObject({ code: 'logged_out' })
})

test('a logout that could not be stored brings nobody back, also when it ran before the storage was read', async () => {
  const phone = createPhone()
  await phone.auth.ensureLogin()
  await flush()
  phone.device.faults.set('wx.setStorage', { errMsg: ':quota reached' })
  phone.device.faults.set('wx.removeStorage', { errMsg: ':system error' })
  const auth = phone.restart()
  await auth.logout({ remote: false })
  await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  expect(auth.getSession()).toBeNull()
})

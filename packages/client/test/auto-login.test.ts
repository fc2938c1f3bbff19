import { describe, expect, test } from 'vitest'
import { IDLE_SECONDS } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('autoLogin: false', () => {
  test('on a phone where nobody was signed in waits for the tap: no login, no event, nothing stored', async () => {
    const phone = createPhone({ autoLogin: false })
    const { auth, service, device, count, advance } = phone
    const told: unknown[] = []
    for (const name of ['login', 'logout', 'loginFail'] as const) auth.on(name, (detail) => told.push(detail))
    service.business = () => ({ status: 200, data: 'public' })
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    await expect(auth.request({ url: '/orders' })).rejects.toMatchObject({ code: 'logged_out' })
    await expect(auth.ensureSessionKey()).rejects.toMatchObject({ code: 'logged_out' })
    expect(await auth.ready()).toBeNull()
    expect((await auth.request({ url: '/news', auth: 'optional' })).data).toBe('public')
    await advance(60_000)
    expect(service.calls.map(({ path, token }) => [path, token])).toEqual([['/news', null]])
    expect(count('wx.login')).toBe(0)
    expect(device.storage.keys()).toEqual([])
    expect(told).toEqual([])
    await phone.restart().ready()
    expect(count('wx.login')).toBe(0)
  })

  test('after the tap an expired session is renewed silently, also after a restart', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const phone = createPhone({ autoLogin: false, now: () => nowMs })
    await phone.auth.ensureLogin({ force: true })
    await flush()
    nowMs += IDLE_SECONDS * 1000
    expect((await phone.auth.request({ url: '/orders' })).statusCode).toBe(200)
    expect(phone.count('wx.login')).toBe(2)
    await flush()
    nowMs += IDLE_SECONDS * 1000
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's3' })
  })

  test('a refused session is renewed silently, also after a restart in the middle of it', async () => {
    const phone = createPhone({ autoLogin: false })
    await phone.auth.ensureLogin({ force: true })
    phone.service.revokeAll()
    phone.service.exchanges.push('lose', 'lose')
    const request = watch(phone.auth.request({ url: '/orders' }))
    await phone.advance(300)
    expect(request.state).toBe('rejected')
    expect(await phone.restart().ensureLogin()).toMatchObject({ id: 's2' })
  })

  test('a sign-out takes the mark away', async () => {
    const phone = createPhone({ autoLogin: false })
    await phone.auth.ensureLogin({ force: true })
    await phone.auth.logout()
    await expect(phone.auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    await expect(phone.restart().ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
    expect(phone.count('wx.login')).toBe(1)
  })

  test('loginWith is a tap, too', async () => {
    const phone = createPhone({ autoLogin: false })
    const { service, auth } = phone
    const { route } = service
    service.route = (call) => (call.path === '/login' ? { status: 201, data: service.issue() } : route(call))
    await auth.loginWith({ url: '/login' })
    expect((await auth.request({ url: '/orders' })).statusCode).toBe(200)
  })
})

import { describe, expect, test, vi } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { createWorld, DEMO_APP } from '../../src/world.ts'
import { localLink } from '../../src/wx/link.ts'
import { createManualPhone, outcomeOf, turns } from '../manual-phone.ts'

const { appid, secret } = DEMO_APP

describe('wx.login', () => {
  test('wx.login gives a code that WeChat accepts once', async () => {
    const { wx, world } = createManualPhone({ user: 'bob' })
    const result = await outcomeOf<{ code: string; errMsg: string }>(wx.login)
    expect(result).toEqual({ code: expect.stringMatching(/^[\w-]{32}$/), errMsg: 'login:ok' })
    const params = { appid, secret, js_code: result.code, grant_type: 'authorization_code' }
    expect(world.code2Session(params).openid).toBe(world.openid('bob', appid))
    expect(() => world.code2Session(params)).toThrow('code been used')
  })

  test('calls back after it returned: success, then complete', async () => {
    const { wx, device } = createManualPhone()
    const calls: string[] = []
    wx.login({
      success: () => calls.push('success'),
      fail: () => calls.push('fail'),
      complete: () => calls.push('complete'),
    })
    calls.push('returned')
    await device.idle()
    expect(calls).toEqual(['returned', 'success', 'complete'])
  })

  test('wx.login has no promise style', async () => {
    const { wx, device } = createManualPhone()
    expect(wx.login()).toBeUndefined()
    await device.idle()
  })

  test('wx.login fails while offline, without reaching WeChat', async () => {
    const { wx, device, world } = createManualPhone()
    device.network.setOnline(false)
    await expect(outcomeOf(wx.login)).rejects.toEqual({
      errMsg: expect.stringMatching(/^login:fail .*ERR_INTERNET_DISCONNECTED$/),
      errno: 600001,
    })
    expect(world.ledger.count('code.issued')).toBe(0)
  })

  test('wx.login fails when the connection is lost under way', async () => {
    const { wx, device } = createManualPhone({
      link: { ...localLink(createWorld()), login: () => new Promise(() => {}) },
    })
    const login = outcomeOf(wx.login)
    await turns(2)
    device.network.setOnline(false)
    await expect(login).rejects.toMatchObject({ errMsg: expect.stringContaining('ERR_NETWORK_CHANGED') })
  })

  test('wx.login fails in single-page mode', async () => {
    const { wx } = createManualPhone({ scene: 1154 })
    await expect(outcomeOf(wx.login)).rejects.toEqual({ errMsg: 'login:fail can not be called in single page mode' })
  })

  test('wx.login fails with WeChat’s errcode for an appid that WeChat does not know', async () => {
    const { wx } = createManualPhone({ appid: 'wx9' })
    await expect(outcomeOf(wx.login)).rejects.toEqual({ errMsg: 'login:fail 系统错误，错误码：40013,invalid appid' })
  })

  test('wx.login fails the way a fault tells it to', async () => {
    const { wx, device } = createManualPhone()
    device.faults.set('wx.login', { errMsg: 'system busy', errno: 7, times: 1 })
    await expect(outcomeOf(wx.login)).rejects.toEqual({ errMsg: 'login:fail system busy', errno: 7 })
    await expect(outcomeOf(wx.login)).resolves.toHaveProperty('code')
  })

  test('a hang lasts for ever, or until the timeout it was given', async () => {
    const { wx, device, clock } = createManualPhone()
    device.faults.set('wx.login', { hang: true })
    const [forever, bounded] = [vi.fn(), vi.fn()]
    wx.login({ complete: forever })
    wx.login({ timeout: 3_000, complete: bounded })
    await turns()
    clock.advance(2_999)
    await turns()
    expect(bounded).not.toHaveBeenCalled()
    clock.advance(86_400_000)
    await turns()
    expect(bounded).toHaveBeenCalledWith({ errMsg: 'login:fail timeout', errno: 5 })
    expect(forever).not.toHaveBeenCalled()
  })

  test('a delay lasts as long as the phone’s clock says', async () => {
    const { wx, device, clock } = createManualPhone()
    device.faults.set('wx.login', { delayMs: 1_000 })
    const success = vi.fn()
    wx.login({ success })
    await turns()
    expect(success).not.toHaveBeenCalled()
    clock.advance(1_000)
    await turns()
    expect(success).toHaveBeenCalledOnce()
  })

  test('the ledger tells the code by its alias, and failures by their text', async () => {
    const { wx, device, world } = createManualPhone({ name: 'phone-1' })
    const { code } = await outcomeOf<{ code: string }>(wx.login)
    device.faults.set('wx.login', { errMsg: 'busy' })
    await outcomeOf(wx.login).catch(() => {})
    expect(world.ledger.entries().filter(({ event }) => event === 'wx.login')).toMatchObject([
      { side: 'device', device: 'phone-1', code: 'c1' },
      { side: 'device', device: 'phone-1', errMsg: 'busy' },
    ])
    expect(JSON.stringify(world.ledger.entries())).not.toContain(code)
  })
})

describe('wx.checkSession', () => {
  test('succeeds while the session key of the last login is alive', async () => {
    const { wx } = createManualPhone()
    await outcomeOf(wx.login)
    expect(await outcomeOf(wx.checkSession)).toEqual({ errMsg: 'checkSession:ok' })
  })

  test('wx.checkSession fails when there was no login, or the key expired', async () => {
    const expired = { errMsg: 'checkSession:fail session time out, need relogin' }
    const { wx, world } = createManualPhone()
    await expect(outcomeOf(wx.checkSession)).rejects.toEqual(expired)
    await outcomeOf(wx.login)
    world.expireSessionKey('alice', appid)
    await expect(wx.checkSession()).rejects.toEqual(expired)
  })

  test('offline it fails as a network error, which an expired key is not', async () => {
    const { wx, device } = createManualPhone()
    await outcomeOf(wx.login)
    device.network.setOnline(false)
    await expect(outcomeOf(wx.checkSession)).rejects.toMatchObject({
      errMsg: expect.stringMatching(/^checkSession:fail errcode:-106 /),
      errno: 600001,
    })
  })

  test('wx.checkSession gives a promise only when no callback is passed', async () => {
    const { wx } = createManualPhone()
    await outcomeOf(wx.login)
    expect(wx.checkSession({ success: () => {} })).toBeUndefined()
    await expect(wx.checkSession()).resolves.toEqual({ errMsg: 'checkSession:ok' })
  })
})

test('two phones of one world are told apart', async () => {
  const world = createWorld({ clock: createClock({ running: false }) })
  const { localLink } = await import('../../src/wx/link.ts')
  const phones = ['alice', 'bob'].map((user) => createManualPhone({ link: localLink(world), user, name: `${user}’s` }))
  await Promise.all(phones.map(({ wx }) => outcomeOf(wx.login)))
  expect(world.ledger.count('wx.login', { device: 'alice’s' })).toBe(1)
  expect(world.ledger.count('wx.login', { device: 'bob’s' })).toBe(1)
})

describe('answers from the phone’s cache', () => {
  const login = ({ wx }: { wx: ReturnType<typeof createManualPhone>['wx'] }) =>
    outcomeOf<{ code: string; fromCache?: boolean }>(wx.login)

  test('wx.login gives the code of before with fromCache, offline too, and WeChat is not asked', async () => {
    const phone = createManualPhone()
    const first = await login(phone)
    phone.device.faults.set('wx.login', { fromCache: true, times: 1 })
    phone.device.network.setOnline(false)
    expect(await login(phone)).toEqual({ code: first.code, fromCache: true, errMsg: 'login:ok' })
    expect(phone.world.ledger.count('code.issued')).toBe(1)
    expect(phone.device.ledger.count('wx.login', { code: 'c1', fromCache: true })).toBe(1)

    phone.device.network.setOnline(true)
    const fresh = await login(phone)
    expect(fresh).not.toHaveProperty('fromCache')
    expect(fresh.code).not.toBe(first.code)
  })

  test('before any login the cached code is one that WeChat refuses', async () => {
    const phone = createManualPhone()
    phone.device.faults.set('wx.login', { fromCache: true })
    const { code } = await login(phone)
    expect(() => phone.world.code2Session({ appid, secret, js_code: code, grant_type: 'authorization_code' })).toThrow(
      'invalid code',
    )
  })

  test('repeatCode gives the code of before and nothing says so, after a restart of the app too', async () => {
    const phone = createManualPhone()
    const first = await login(phone)
    phone.device.lifecycle.launch()
    phone.device.faults.set('wx.login', { repeatCode: true })
    expect(await login(phone)).toEqual({ code: first.code, errMsg: 'login:ok' })
  })

  test('wx.checkSession succeeds with fromCache although the key is dead', async () => {
    const phone = createManualPhone()
    phone.device.faults.set('wx.checkSession', { fromCache: true })
    expect(await outcomeOf(phone.wx.checkSession)).toEqual({ fromCache: true, errMsg: 'checkSession:ok' })
    expect(phone.world.ledger.count('wechat.checkSession')).toBe(0)
  })
})

test('the ledger has the start and the end of a login, of a check and of a failure', async () => {
  const { wx, device, clock } = createManualPhone()
  device.faults.set('wx.login', { delayMs: 50, times: 1 })
  const done = outcomeOf(wx.login)
  await new Promise((resolve) => setTimeout(resolve, 20))
  clock.advance(50)
  await done
  await outcomeOf(wx.checkSession)
  device.faults.set('wx.login', { errMsg: 'timeout' })
  await outcomeOf(wx.login).catch(() => {})
  const calls = device.ledger.entries().filter(({ event }) => event.startsWith('wx.'))
  expect(calls.map(({ event, errMsg }) => [event, errMsg])).toEqual([
    ['wx.login', undefined],
    ['wx.checkSession', undefined],
    ['wx.login', 'timeout'],
  ])
  for (const { startedAtMs = Infinity, atMs } of calls) expect(startedAtMs).toBeLessThanOrEqual(atMs)
  expect((calls[0]?.atMs ?? 0) - (calls[0]?.startedAtMs ?? 0)).toBeGreaterThanOrEqual(19)
})

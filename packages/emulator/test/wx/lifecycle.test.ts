import { describe, expect, test, vi } from 'vitest'
import { createManualPhone, outcomeOf, turns } from '../manual-phone.ts'

const URL_1 = 'https://api.example.com/items'

describe('launch', () => {
  test('a launch tells how the app was opened', () => {
    const { wx, device } = createManualPhone()
    const options = { path: 'pages/a/a', query: { id: '1' }, scene: 1011, referrerInfo: {}, apiCategory: 'default' }
    expect(device.lifecycle.launch({ path: 'pages/a/a', query: { id: '1' }, scene: 1011 })).toEqual(options)
    expect(wx.getLaunchOptionsSync()).toEqual(options)
    expect(wx.getEnterOptionsSync()).toEqual(options)
  })

  test('enter options follow a later show, launch options do not', () => {
    const { wx, device } = createManualPhone()
    device.lifecycle.launch({ path: 'pages/a/a' })
    device.lifecycle.hide()
    device.lifecycle.show({ scene: 1154 })
    expect([wx.getLaunchOptionsSync().scene, wx.getEnterOptionsSync().scene]).toEqual([1001, 1154])
    expect(wx.getApiCategory()).toBe('browseOnly')
  })

  test('after a launch nothing of the app’s former life comes back', async () => {
    const { wx, device, sent, clock } = createManualPhone()
    const called = vi.fn()
    device.faults.set('wx.checkSession', { delayMs: 1_000 })
    device.faults.set('wx.login', { delayMs: 1_000 })
    wx.login({ complete: called })
    wx.checkSession({ complete: called })
    wx.request({ url: URL_1, complete: called })
    wx.onAppShow(called)
    wx.onAppHide(called)
    wx.onError(called)
    wx.onNetworkStatusChange(called)
    await turns(1)
    wx.nextTick(called)
    device.lifecycle.launch()
    expect(sent[0]?.signal.aborted).toBe(true)
    device.lifecycle.show()
    device.lifecycle.hide()
    device.network.setOnline(false)
    device.reportError(new Error('new life'))
    clock.advance(1_000)
    await turns()
    sent[0]?.answer()
    await turns()
    expect(called).not.toHaveBeenCalled()
    expect(device.thread.pending()).toBe(0)
  })
})

describe('show and hide', () => {
  test('show and hide tell their listeners until these are removed', () => {
    const { wx, device } = createManualPhone()
    const [shown, hidden, removed] = [vi.fn(), vi.fn(), vi.fn()]
    wx.onAppShow(shown)
    wx.onAppHide(hidden)
    wx.onAppShow(removed)
    wx.offAppShow(removed)
    wx.onAppHide(removed)
    device.lifecycle.hide()
    wx.offAppHide()
    device.lifecycle.show()
    device.lifecycle.hide()
    expect(shown.mock.calls).toEqual([[wx.getEnterOptionsSync()]])
    expect(hidden).toHaveBeenCalledOnce()
    expect(removed).toHaveBeenCalledOnce()
  })

  test('show, hide and launch are written to the ledger', () => {
    const { device, clock } = createManualPhone({ name: 'phone-1' })
    device.lifecycle.launch({ path: 'pages/a/a' })
    device.lifecycle.show()
    device.lifecycle.hide()
    clock.advance(5_000)
    expect(device.ledger.entries()).toMatchObject(
      ['app.launch', 'app.show', 'app.hide', 'app.suspend'].map((event) => ({
        side: 'device',
        device: 'phone-1',
        event,
      })),
    )
  })
})

describe('background', () => {
  test('in the background an app goes on for five seconds', async () => {
    const { wx, device, sent, clock } = createManualPhone()
    const success = vi.fn()
    wx.request({ url: URL_1, success })
    await turns()
    device.lifecycle.hide()
    clock.advance(4_999)
    expect(device.lifecycle.state).toBe('background')
    sent[0]?.answer()
    await turns()
    expect(success).toHaveBeenCalledOnce()
  })

  test('after five seconds an app is suspended: unfinished requests are interrupted, and told on return', async () => {
    const { wx, device, sent, clock } = createManualPhone()
    const fail = vi.fn()
    for (let i = 0; i < 11; i++) wx.request({ url: URL_1, fail })
    await turns()
    device.lifecycle.hide()
    clock.advance(5_000)
    expect(device.lifecycle.state).toBe('suspended')
    expect(sent.every(({ signal }) => signal.aborted)).toBe(true)
    await turns()
    expect(fail).not.toHaveBeenCalled()
    device.lifecycle.show()
    await turns(20)
    expect(fail.mock.calls).toEqual(Array(11).fill([{ errMsg: 'request:fail interrupted', errno: 600003 }]))
    expect(sent).toHaveLength(10)
  })

  test('a request made while suspended is interrupted and sends nothing', async () => {
    const { wx, device, sent, clock } = createManualPhone()
    device.lifecycle.hide()
    clock.advance(5_000)
    const failure = outcomeOf((callbacks) => wx.request({ url: URL_1, ...callbacks })).catch((error: unknown) => error)
    await turns()
    device.lifecycle.show()
    expect(await failure).toEqual({ errMsg: 'request:fail interrupted', errno: 600003 })
    expect(sent).toHaveLength(0)
  })

  test('other calls end on return, after onAppShow and in the order they ended', async () => {
    const { wx, device, clock } = createManualPhone()
    const calls: string[] = []
    wx.onAppShow(() => calls.push('show'))
    device.lifecycle.hide()
    clock.advance(5_000)
    wx.login({ success: () => calls.push('login') })
    await turns()
    wx.setStorage({ key: 'a', data: 1, success: () => calls.push('setStorage') })
    await turns()
    expect(calls).toEqual([])
    device.lifecycle.show()
    wx.nextTick(() => calls.push('later'))
    await turns()
    expect(calls).toEqual(['show', 'login', 'setStorage', 'later'])
  })

  test('an app that comes back within five seconds is not suspended', () => {
    const { device, clock } = createManualPhone()
    device.lifecycle.hide()
    clock.advance(4_000)
    device.lifecycle.show()
    clock.advance(4_000)
    expect(device.lifecycle.state).toBe('foreground')
  })
})

describe('errors of the app', () => {
  test('a throwing callback is reported and keeps nothing from happening', async () => {
    const { wx, device } = createManualPhone()
    const [complete, heard, told] = [vi.fn(), vi.fn(), vi.fn()]
    device.onError(heard)
    wx.onError(told)
    wx.login({
      success() {
        throw new TypeError('broken page')
      },
      complete,
    })
    await device.idle()
    expect(complete).toHaveBeenCalledOnce()
    expect(heard).toHaveBeenCalledWith(expect.objectContaining({ name: 'TypeError', message: 'broken page' }))
    expect(told).toHaveBeenCalledWith(expect.stringContaining('broken page'))
    await expect(outcomeOf(wx.login)).resolves.toHaveProperty('code')
    expect(device.ledger.count('app.error', { name: 'TypeError', message: 'broken page' })).toBe(1)
  })

  test('a throwing listener does not keep the next one from hearing', () => {
    const { wx, device } = createManualPhone()
    const second = vi.fn()
    wx.onAppShow(() => {
      throw new Error('first')
    })
    wx.onAppShow(second)
    device.lifecycle.show()
    expect(second).toHaveBeenCalledOnce()
    expect(device.ledger.count('app.error', { message: 'first' })).toBe(1)
  })

  test('an error listener that throws causes no further error', () => {
    const { wx, device } = createManualPhone()
    wx.onError(() => {
      throw new Error('again')
    })
    device.reportError(new Error('once'))
    expect(device.ledger.count('app.error')).toBe(1)
  })

  test('unhandled rejections reach their listeners', async () => {
    const { wx, device } = createManualPhone()
    const heard = vi.fn()
    wx.onUnhandledRejection(heard)
    const promise = Promise.reject({ errMsg: 'getStorage:fail data not found' })
    promise.catch(() => {})
    device.reportRejection({ errMsg: 'getStorage:fail data not found' }, promise)
    expect(heard).toHaveBeenCalledWith({ reason: { errMsg: 'getStorage:fail data not found' }, promise })
    expect(device.ledger.count('app.unhandledRejection', { message: 'getStorage:fail data not found' })).toBe(1)
  })

  test('a secret in an error’s text is written as its alias', async () => {
    const { wx, device } = createManualPhone()
    const { code } = await outcomeOf<{ code: string }>(wx.login)
    device.reportError(new Error(`could not send ${code}`))
    expect(device.ledger.count('app.error', { message: 'could not send c1' })).toBe(1)
  })
})

describe('idle', () => {
  test('idle waits for calls that a callback begins', async () => {
    const { wx, device } = createManualPhone()
    const done = vi.fn()
    wx.login({ success: () => void wx.checkSession()?.then(() => wx.setStorage({ key: 'a', data: 1 })?.then(done)) })
    await device.idle()
    expect(done).toHaveBeenCalledOnce()
  })

  test('idle resolves when there is nothing to wait for', async () => {
    await createManualPhone().device.idle()
  })
})

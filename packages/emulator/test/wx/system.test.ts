import { describe, expect, test, vi } from 'vitest'
import { DEMO_APP } from '../../src/world.ts'
import { createManualPhone, turns } from '../manual-phone.ts'

describe('account and system', () => {
  test.each([
    ['develop', ''],
    ['trial', ''],
    ['release', '1.0.0'],
  ] as const)('a %s version is numbered "%s"', (envVersion, version) => {
    const { wx } = createManualPhone({ envVersion })
    expect(wx.getAccountInfoSync()).toEqual({ miniProgram: { appId: DEMO_APP.appid, envVersion, version } })
  })

  test('system info is the sum of its newer parts', async () => {
    const { wx } = createManualPhone()
    const whole = { ...wx.getDeviceInfo(), ...wx.getAppBaseInfo(), ...wx.getWindowInfo() }
    expect(wx.getSystemInfoSync()).toEqual(whole)
    expect(await wx.getSystemInfo()).toEqual({ ...whole, errMsg: 'getSystemInfo:ok' })
    expect(whole).toMatchObject({ platform: 'android', SDKVersion: expect.any(String), version: expect.any(String) })
  })

  test('canIUse knows what is played; what is not is there, fails and is told', async () => {
    const { wx, device } = createManualPhone()
    expect([
      wx.canIUse('request'),
      wx.canIUse('request.object.timeout'),
      wx.canIUse('button.open-type.chooseAvatar'),
    ]).toEqual([true, true, true])
    expect([wx.canIUse('startBluetoothDevicesDiscovery'), wx.canIUse('telepathy')]).toEqual([false, false])
    const { startBluetoothDevicesDiscovery, telepathy } = wx as unknown as Record<string, (o?: object) => unknown>
    await expect(startBluetoothDevicesDiscovery?.({})).rejects.toEqual({
      errMsg: 'startBluetoothDevicesDiscovery:fail not played by the emulator',
      errno: 100,
    })
    expect(device.ledger.count('wx.notPlayed', { api: 'startBluetoothDevicesDiscovery' })).toBe(1)
    expect(telepathy).toBeUndefined()
  })

  test('base64 and bytes become each other', () => {
    const { wx } = createManualPhone()
    const bytes = new Uint8Array([0, 127, 255]).buffer
    expect(wx.arrayBufferToBase64(bytes)).toBe('AH//')
    expect(wx.base64ToArrayBuffer('AH//')).toStrictEqual(bytes)
  })

  test('a picture of a megabyte becomes base64, in memory and from a file', () => {
    const { wx, device } = createManualPhone()
    const picture = new Uint8Array(2 ** 20).fill(1)
    const base64 = Buffer.from(picture).toString('base64')
    expect(wx.arrayBufferToBase64(picture.buffer) === base64).toBe(true)
    const { readFileSync } = wx.getFileSystemManager() as { readFileSync(path: string, encoding: string): string }
    expect(readFileSync(device.files.create(picture), 'base64') === base64).toBe(true)
  })

  test('nextTick runs later', async () => {
    const { wx } = createManualPhone()
    const tick = vi.fn()
    wx.nextTick(tick)
    expect(tick).not.toHaveBeenCalled()
    await turns(1)
    expect(tick).toHaveBeenCalledOnce()
  })
})

test('promises settle between two callbacks', async () => {
  const { wx } = createManualPhone()
  const order: string[] = []
  wx.nextTick(() => void Promise.resolve().then(() => order.push('promise')))
  wx.nextTick(() => order.push('second callback'))
  await turns()
  expect(order).toEqual(['promise', 'second callback'])
})

describe('network', () => {
  test('an app is told the type of its network, and changes of it', async () => {
    const { wx, device } = createManualPhone()
    const [changed, removed] = [vi.fn(), vi.fn()]
    wx.onNetworkStatusChange(changed)
    wx.onNetworkStatusChange(removed)
    wx.offNetworkStatusChange(removed)
    expect(await wx.getNetworkType()).toEqual({ networkType: 'wifi', errMsg: 'getNetworkType:ok' })
    device.network.setOnline(true)
    device.network.setOnline(false)
    expect(device.network.online).toBe(false)
    device.network.setOnline(true, '5g')
    await turns()
    expect(changed.mock.calls).toEqual([
      [{ isConnected: false, networkType: 'none' }],
      [{ isConnected: true, networkType: '5g' }],
    ])
    expect(removed).not.toHaveBeenCalled()
  })
})

describe('what wx draws', () => {
  test('the toasts, dialogs and titles of an app are written to the ledger', async () => {
    const { wx, device } = createManualPhone()
    await wx.showToast({ title: 'Saved' })
    await wx.showLoading({ title: 'Loading' })
    await wx.hideLoading()
    await wx.setNavigationBarTitle({ title: 'Home' })
    await wx.stopPullDownRefresh()
    expect(device.ledger.entries()).toMatchObject([
      { event: 'ui.toast', title: 'Saved' },
      { event: 'ui.loading', title: 'Loading' },
      { event: 'ui.hideLoading' },
      { event: 'ui.title', title: 'Home' },
      { event: 'ui.stopPullDownRefresh' },
    ])
  })

  test('a dialog is answered as the user chooses', async () => {
    const { wx, device } = createManualPhone()
    expect(await wx.showModal({ title: 'Sign out?' })).toMatchObject({ confirm: true, cancel: false })
    device.choices.confirm = false
    expect(await wx.showModal({ title: 'Sign out?' })).toMatchObject({ confirm: false, cancel: true })
  })
})

test('time that is made to pass on the phone is in the ledger', () => {
  const { device } = createManualPhone()
  const beforeMs = device.clock.now()
  device.advance(5_000)
  expect(device.clock.now()).toBeGreaterThanOrEqual(beforeMs + 5_000)
  expect(device.ledger.count('clock.advance', { clock: device.name, ms: 5_000 })).toBe(1)
  expect(() => device.advance(-1)).toThrow(RangeError)
  expect(device.ledger.count('clock.advance')).toBe(1)
})

test('wx is a plain object of functions, none of which needs it as this', async () => {
  const { login, setStorageSync, getStorageSync, request, canIUse } = createManualPhone().wx
  setStorageSync('a', 1)
  expect(getStorageSync('a')).toBe(1)
  expect(canIUse('login')).toBe(true)
  expect(() => request({ url: 'https://example.com' })).not.toThrow()
  expect(() => login()).not.toThrow()
})

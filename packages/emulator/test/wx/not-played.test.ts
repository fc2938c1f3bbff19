import { expect, test } from 'vitest'
import { createManualPhone } from '../manual-phone.ts'

type AnyApi = Record<string, (options?: unknown) => unknown>

function anyApi() {
  const { wx, device } = createManualPhone()
  return { wx: wx as unknown as AnyApi, device }
}

test('what only changes how the phone looks succeeds', async () => {
  const { wx, device } = anyApi()
  await expect(wx.setNavigationBarColor?.({})).resolves.toEqual({ errMsg: 'setNavigationBarColor:ok' })
  expect(device.ledger.count('wx.notPlayed', { api: 'setNavigationBarColor' })).toBe(1)
})

test('callbacks are called later, fail before complete', async () => {
  const { wx, device } = anyApi()
  const calls: string[] = []
  wx.getBatteryInfo?.({ fail: () => calls.push('fail'), complete: () => calls.push('complete') })
  calls.push('returned')
  await device.idle()
  expect(calls).toEqual(['returned', 'fail', 'complete'])
})

test('an object has every method, takes listeners, keeps what is set, and is no promise', async () => {
  const { wx, device } = anyApi()
  const audio = wx.createInnerAudioContext?.() as Record<string, (o?: unknown) => unknown> & { src?: string }
  audio.src = 'a.mp3'
  expect([audio.src, audio.onPlay?.(() => {}), await audio]).toEqual(['a.mp3', undefined, audio])
  audio.play?.()
  expect(device.ledger.count('wx.notPlayed', { api: 'createInnerAudioContext.play' })).toBe(1)
})

test('the cloud is initialised, and each of its calls fails', async () => {
  const { wx, device } = anyApi()
  const cloud = (wx as unknown as { cloud: AnyCloud }).cloud
  cloud.init({ env: 'a' })
  const database = cloud.database()
  await expect(
    database
      .collection('todos')
      .where({ done: database.command.neq(true) })
      .get(),
  ).rejects.toEqual({
    errMsg: 'cloud.database.collection.where.get:fail not played by the emulator',
    errno: 100,
    errCode: -1,
  })
  const failed = new Promise((fail) => cloud.callFunction({ name: 'login', fail }))
  expect(await failed).toEqual({ errMsg: 'cloud.callFunction:fail not played by the emulator', errno: 100 })
  expect(device.ledger.count('wx.notPlayed', { api: 'cloud.callFunction' })).toBe(1)
})

interface AnyCloud {
  init(options: object): void
  database(): {
    command: { neq(value: unknown): unknown }
    collection(name: string): { where(query: object): { get(): Promise<unknown> } }
  }
  callFunction(options: object): unknown
}

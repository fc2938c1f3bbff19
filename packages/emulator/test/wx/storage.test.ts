import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { createManualPhone, outcomeOf, turns } from '../manual-phone.ts'

const MB = 1024 * 1024

describe('values', () => {
  test.each([
    ['text'],
    [''],
    [0],
    [-1.5],
    [Number.NaN],
    [true],
    [false],
    [null],
    [undefined],
    [[1, 'a', null]],
    [{ a: { b: [1] } }],
    [new Date(5)],
  ])('%o comes back as it was, in both styles', async (value) => {
    const { wx } = createManualPhone()
    wx.setStorageSync('key', value)
    expect(wx.getStorageSync('key')).toEqual(value)
    expect((await wx.getStorage({ key: 'key' }))?.data).toEqual(value)
  })

  test('storage drops what JSON drops inside an object', () => {
    const { wx } = createManualPhone()
    wx.setStorageSync('key', { a: undefined, b: () => {}, c: new Date(0) })
    expect(wx.getStorageSync('key')).toStrictEqual({ c: '1970-01-01T00:00:00.000Z' })
  })

  test('any JSON value survives', () => {
    const { wx } = createManualPhone()
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.jsonValue(), (key, value) => {
        wx.setStorageSync(key, value)
        expect(wx.getStorageSync(key)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('a stored value is a copy, on the way in and on the way out', async () => {
    const { wx } = createManualPhone()
    const value = { list: [1] }
    const stored = wx.setStorage({ key: 'key', data: value })
    value.list.push(2)
    await stored
    const read = wx.getStorageSync('key') as typeof value
    read.list.push(3)
    expect(wx.getStorageSync('key')).toEqual({ list: [1] })
  })

  test('a function cannot be stored', async () => {
    const { wx } = createManualPhone()
    await expect(wx.setStorage({ key: 'key', data: () => {} })).rejects.toMatchObject({
      errMsg: 'setStorage:fail parameter error: parameter.data can not be a Function;',
    })
  })
})

describe('what is not there', () => {
  test('a key that is not there is the empty string when read synchronously, and a failure otherwise', async () => {
    const { wx } = createManualPhone()
    expect(wx.getStorageSync('none')).toBe('')
    await expect(wx.getStorage({ key: 'none' })).rejects.toEqual({ errMsg: 'getStorage:fail data not found' })
  })

  test('a key that is not there can be removed', async () => {
    const { wx } = createManualPhone()
    wx.removeStorageSync('none')
    await expect(wx.removeStorage({ key: 'none' })).resolves.toEqual({ errMsg: 'removeStorage:ok' })
  })

  test('a key is gone after removal or clearing', async () => {
    const { wx } = createManualPhone()
    for (const key of ['a', 'b', 'c']) wx.setStorageSync(key, key)
    wx.removeStorageSync('a')
    await wx.removeStorage({ key: 'b' })
    expect(wx.getStorageInfoSync().keys).toEqual(['c'])
    await wx.clearStorage()
    expect(wx.getStorageInfoSync()).toEqual({ keys: [], currentSize: 0, limitSize: 10_240 })
  })

  test('a key that is no string is refused', async () => {
    const { wx } = createManualPhone()
    const undefinedKey = undefined as unknown as string
    expect(() => wx.getStorageSync(undefinedKey)).toThrow(
      'getStorageSync:fail parameter error: parameter.key should be String instead of Undefined;',
    )
    await expect(wx.setStorage({ key: '', data: 1 })).rejects.toMatchObject({
      errMsg: expect.stringContaining('parameter.key'),
    })
  })
})

describe('styles', () => {
  test('callbacks run later, and then there is no promise', async () => {
    const { wx, device } = createManualPhone()
    const calls: string[] = []
    const returned = wx.setStorage({
      key: 'a',
      data: 1,
      success: ({ errMsg }) => calls.push(errMsg),
      complete: () => calls.push('complete'),
    })
    calls.push('returned')
    await device.idle()
    expect(returned).toBeUndefined()
    expect(calls).toEqual(['returned', 'setStorage:ok', 'complete'])
  })
})

describe('limits', () => {
  test('one key holds 1 MB of storage, its name included', () => {
    const { wx } = createManualPhone()
    wx.setStorageSync('k', 'x'.repeat(MB - 1))
    expect(() => wx.setStorageSync('k', 'x'.repeat(MB))).toThrow('setStorageSync:fail:entry size limit reached')
    expect(wx.getStorageSync('k')).toHaveLength(MB - 1)
  })

  test('all keys of a storage together hold 10 MB, and replacing a value is not adding one', async () => {
    const { wx } = createManualPhone()
    for (let i = 0; i < 10; i++) wx.setStorageSync(String(i), 'x'.repeat(MB - 1))
    expect(wx.getStorageInfoSync().currentSize).toBe(10_240)
    await expect(wx.setStorage({ key: 'k', data: '' })).rejects.toEqual({ errMsg: 'setStorage:fail:quota reached' })
    wx.setStorageSync('9', 'y'.repeat(MB - 1))
    wx.removeStorageSync('0')
    wx.setStorageSync('k', 'fits now')
  })

  test('an encrypted value counts 1.4 times', async () => {
    const { wx } = createManualPhone()
    await wx.setStorage({ key: 'k', data: 'x'.repeat(0.7 * MB), encrypt: true })
    await expect(wx.setStorage({ key: 'k', data: 'x'.repeat(0.72 * MB), encrypt: true })).rejects.toMatchObject({
      errMsg: 'setStorage:fail:entry size limit reached',
    })
  })
})

describe('encrypt', () => {
  test('what is stored encrypted is found only by reading it encrypted, and the other way round', async () => {
    const { wx } = createManualPhone()
    await wx.setStorage({ key: 'sealed', data: 1, encrypt: true })
    wx.setStorageSync('plain', 2)
    expect(await wx.getStorage({ key: 'sealed', encrypt: true })).toEqual({ data: 1, errMsg: 'getStorage:ok' })
    await expect(wx.getStorage({ key: 'sealed' })).rejects.toEqual({ errMsg: 'getStorage:fail data not found' })
    expect(wx.getStorageSync('sealed')).toBe('')
    await expect(wx.getStorage({ key: 'plain', encrypt: true })).rejects.toEqual({
      errMsg: 'getStorage:fail data not found',
    })
  })
})

describe('on the phone', () => {
  test('storage survives a restart of the app', async () => {
    const { wx, device } = createManualPhone()
    wx.setStorageSync('token', 't')
    device.lifecycle.launch()
    expect(wx.getStorageSync('token')).toBe('t')
  })

  test('single-page mode has a storage of its own', () => {
    const { wx, device } = createManualPhone()
    wx.setStorageSync('token', 't')
    device.lifecycle.launch({ scene: 1154 })
    expect(wx.getStorageSync('token')).toBe('')
    wx.setStorageSync('token', 'single')
    device.lifecycle.launch({ scene: 1001 })
    expect(wx.getStorageSync('token')).toBe('t')
  })

  test('a tester reads, writes and clears behind the app’s back', () => {
    const { wx, device } = createManualPhone()
    wx.setStorageSync('a', { b: 1 })
    expect([device.storage.get('a'), device.storage.get('none'), device.storage.keys()]).toEqual([
      { b: 1 },
      undefined,
      ['a'],
    ])
    device.storage.set('a', 'corrupted')
    expect(wx.getStorageSync('a')).toBe('corrupted')
    device.storage.remove('a')
    device.storage.set('b', 1)
    device.storage.clear()
    expect(wx.getStorageInfoSync().keys).toEqual([])
  })

  test('faults hit both styles; a delay lasts as long as the phone’s clock says', async () => {
    const { wx, device, clock } = createManualPhone()
    device.faults.set('wx.setStorage', { errMsg: ':quota reached' })
    expect(() => wx.setStorageSync('a', 1)).toThrow('setStorageSync:fail:quota reached')
    await expect(wx.setStorage({ key: 'a', data: 1 })).rejects.toEqual({ errMsg: 'setStorage:fail:quota reached' })
    device.faults.set('wx.getStorage', { delayMs: 100, times: 1 })
    const complete = vi.fn()
    wx.getStorage({ key: 'a', complete })
    await turns()
    expect(complete).not.toHaveBeenCalled()
    clock.advance(100)
    await turns()
    expect(complete).toHaveBeenCalledOnce()
    await expect(outcomeOf((callbacks) => wx.getStorage({ key: 'a', ...callbacks }))).rejects.toHaveProperty('errMsg')
  })
})

test('the ledger names each access with its key and its end, and never a value', async () => {
  const { wx, device } = createManualPhone()
  wx.setStorageSync('kept', 'a secret')
  wx.getStorageSync('kept')
  wx.getStorageSync('none')
  await wx.getStorage({ key: 'none' })?.catch(() => {})
  device.faults.set('wx.setStorage', { errMsg: 'exceed storage max size 10Mb' })
  await wx.setStorage({ key: 'kept', data: 1 })?.catch(() => {})
  await wx.removeStorage({ key: 'kept' })
  wx.clearStorageSync()
  const told = device.ledger.entries().filter(({ event }) => event.startsWith('wx.'))
  expect(told.map(({ event, key, found, errMsg }) => [event, key, found ?? errMsg])).toEqual([
    ['wx.setStorage', 'kept', undefined],
    ['wx.getStorage', 'kept', true],
    ['wx.getStorage', 'none', false],
    ['wx.getStorage', 'none', 'data not found'],
    ['wx.setStorage', 'kept', 'exceed storage max size 10Mb'],
    ['wx.removeStorage', 'kept', undefined],
    ['wx.clearStorage', undefined, undefined],
  ])
  expect(JSON.stringify(told)).not.toContain('a secret')
})

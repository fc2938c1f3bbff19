import { expect, test } from 'vitest'
import { createFaults, DEVICE_FAULT_POINTS, type FaultPoint, WECHAT_FAULT_POINTS } from '../src/faults.ts'
import { createLedger } from '../src/ledger.ts'

test('a fault hits every call until it is cleared', () => {
  const faults = createFaults({ points: [...WECHAT_FAULT_POINTS, ...DEVICE_FAULT_POINTS] })
  faults.set('jscode2session', { errcode: -1 })
  expect(faults.take('jscode2session')).toEqual({ errcode: -1 })
  expect(faults.take('jscode2session')).toEqual({ errcode: -1 })
  expect(faults.take('wx.login')).toBeNull()
  faults.clear('jscode2session')
  expect(faults.take('jscode2session')).toBeNull()
})

test('a fault with times clears itself after that many calls', () => {
  const faults = createFaults({ points: [...WECHAT_FAULT_POINTS, ...DEVICE_FAULT_POINTS] })
  faults.set('wx.login', { errMsg: 'timeout', times: 2 })
  expect([1, 2, 3].map(() => faults.take('wx.login') !== null)).toEqual([true, true, false])
})

test('what does not exist is refused with the names of what does', () => {
  const faults = createFaults({ points: [...WECHAT_FAULT_POINTS, ...DEVICE_FAULT_POINTS] })
  expect(() => faults.set('jscode' as FaultPoint, { hang: true })).toThrow(
    'there is no fault point "jscode" here, only jscode2session',
  )
  expect(() => faults.clear('jscode' as FaultPoint)).toThrow('there is no fault point')
  expect(() => faults.set('wx.login', { hangs: true } as object)).toThrow('a fault has no "hangs"; it has: times')
  expect(() => faults.set('wx.login', { hang: true, times: 0 })).toThrow('fault.times must be at least 1')
  expect(() => faults.set('wx.login', {})).toThrow('a fault says what goes wrong')
  expect(() => faults.set('wx.login', { delayMs: '5' } as object)).toThrow('fault.delayMs must be a number')
  expect(() => faults.set('wx.login', { delayMs: Number.NaN })).toThrow('fault.delayMs must be a number')
})

test('switching is written to the ledger', () => {
  const ledger = createLedger()
  const faults = createFaults({ points: WECHAT_FAULT_POINTS, ledger })
  faults.set('jscode2session', { status: 502, body: '<html>' })
  faults.clear()
  expect(ledger.count('fault.set', { point: 'jscode2session', fault: 'status body' })).toBe(1)
  expect(ledger.count('fault.cleared', { point: 'all' })).toBe(1)
})

test('a switch of the other side is refused, not ignored', () => {
  const faults = createFaults({ points: DEVICE_FAULT_POINTS })
  expect(() => faults.set('jscode2session', { hang: true })).toThrow(
    'no fault point "jscode2session" here, only wx.login',
  )
})

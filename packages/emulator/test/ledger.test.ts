import { expect, test } from 'vitest'
import { createLedger } from '../src/ledger.ts'

test('entries are numbered in the order they happened', () => {
  const ledger = createLedger()
  ledger.add({ side: 'device', event: 'app.launch' })
  ledger.add({ side: 'wechat', event: 'code.issued', user: 'alice' })
  expect(ledger.entries().map(({ seq, event }) => [seq, event])).toEqual([
    [1, 'app.launch'],
    [2, 'code.issued'],
  ])
})

test('a secret has one alias, different for each secret and kind', () => {
  const ledger = createLedger()
  expect(ledger.alias('code', 'one')).toBe('c1')
  expect(ledger.alias('code', 'two')).toBe('c2')
  expect(ledger.alias('code', 'one')).toBe('c1')
  expect(ledger.alias('token', 'one')).toBe('#1')
  expect(ledger.alias('key', 'one')).toBe('k1')
})

test('a name from another ledger is taken over, and a new secret never gets the same', () => {
  const ledger = createLedger()
  expect(ledger.alias('code', 'far away', 'c2')).toBe('c2')
  expect(['here', 'far away', 'there'].map((code) => ledger.alias('code', code))).toEqual(['c3', 'c2', 'c4'])
})

test('redact puts aliases in the place of secrets', () => {
  const ledger = createLedger()
  ledger.alias('code', '0aBcDeF')
  expect(ledger.redact('invalid code 0aBcDeF (0aBcDeF)')).toBe('invalid code c1 (c1)')
})

test('redact finds secrets of any length anywhere in a text, and of two that overlap replaces the longer one', () => {
  const ledger = createLedger()
  for (const code of ['ab', 'abcdefgh', 'abcdefghij', '']) ledger.alias('code', code)
  ledger.alias('token', 'wxs1.0f3.secret')
  expect(ledger.redact('x abcdefghij, abcdefgh; ab wxs1.0f3.secret')).toBe('x c3, c2; c1 #1')
  expect(ledger.secretsIn('"wxs1.0f3.secret"')).toEqual([{ kind: 'token', alias: '#1' }])
  expect(ledger.alias('code', '')).toBe('c4')
})

test('count compares the details it is given', () => {
  const ledger = createLedger()
  ledger.add({ side: 'wechat', event: 'jscode2session', code: 'c1', errcode: 0 })
  ledger.add({ side: 'wechat', event: 'jscode2session', code: 'c1', errcode: 40163 })
  expect(ledger.count('jscode2session')).toBe(2)
  expect(ledger.count('jscode2session', { code: 'c1', errcode: 0 })).toBe(1)
  expect(ledger.count('jscode2session', { code: 'c2' })).toBe(0)
})

test('listeners hear of new entries until they are removed', () => {
  const ledger = createLedger()
  const heard: string[] = []
  const stop = ledger.onEntry(({ event }) => heard.push(event))
  ledger.add({ side: 'device', event: 'first' })
  stop()
  ledger.add({ side: 'device', event: 'second' })
  expect(heard).toEqual(['first'])
})

test('the newest entries are kept, their numbers go on, and what was dropped is counted', () => {
  const ledger = createLedger({ limit: 100 })
  for (let i = 1; i <= 1_000; i++)
    ledger.add({ side: 'wechat', event: 'code.issued', code: ledger.alias('code', `c-${i}`) })
  const entries = ledger.entries()
  expect(entries.length).toBeLessThanOrEqual(100)
  expect(entries.length).toBeGreaterThanOrEqual(90)
  expect(entries.at(-1)).toMatchObject({ seq: 1_000, code: 'c1000' })
  expect(ledger.dropped).toBe(1_000 - entries.length)
  expect(ledger.redact('c-1 c-950')).toBe('c-1 c950')
})

test('a call that begins is told at once, and its entry repeats its number', () => {
  const ledger = createLedger()
  const told: unknown[] = []
  const stop = ledger.onBegin((start) => told.push(start))
  const begun = ledger.begin({ side: 'device', device: 'phone', event: 'wx.login' })
  expect(told).toEqual([{ side: 'device', device: 'phone', event: 'wx.login', ...begun }])
  expect(ledger.entries()).toEqual([])
  expect(ledger.add({ side: 'device', device: 'phone', event: 'wx.login', ...begun })).toMatchObject(begun)
  stop()
  ledger.begin({ side: 'device', device: 'phone', event: 'wx.login' })
  expect(told).toHaveLength(1)
})

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import { describe, expect, test } from 'vitest'
import { type LedgerEvent, toEvent } from '../src/timeline/events.ts'
import { KINDS } from '../src/timeline/kinds.ts'
import { toRows } from '../src/timeline/rows.ts'

const ROOT = join(import.meta.dirname, '../../..')

let seq = 0
const entry = (detail: Partial<LedgerEntry>, atMs: number): LedgerEntry =>
  ({ side: 'device', device: 'A', seq: ++seq, atMs, ...detail }) as LedgerEntry
const ended = (detail: Partial<LedgerEntry>, atMs: number): LedgerEvent => toEvent('page', 'ended', entry(detail, atMs))
const begun = (detail: Partial<LedgerEntry>, atMs: number): LedgerEvent =>
  toEvent('page', 'begun', entry({ ...detail, startedAtMs: atMs }, atMs))

const request = { event: 'wx.request', method: 'GET', url: 'https://a.example/products', bearer: '#1' }

describe('the rows of a timeline', () => {
  test('ten requests of one moment are one row with ten events, and their answers another', () => {
    const calls = Array.from({ length: 10 }, (_, index) => begun({ ...request, call: index }, 1000 + index))
    const answers = calls.map(({ entry }, index) => ended({ ...entry, statusCode: 200 }, 1200 + index * 20))
    const rows = toRows([...calls, ...answers])
    expect(rows.map(({ kind, events }) => [kind, events.length])).toEqual([
      ['request.call', 10],
      ['request.ok', 10],
    ])
    expect(rows[0]?.isPending).toBe(false)
  })

  test('what has no answer is pending, until the app is opened again', () => {
    const call = begun({ event: 'wx.login', call: 1 }, 1000)
    expect(toRows([call]).map(({ isPending }) => isPending)).toEqual([true])
    const again = ended({ event: 'app.launch' }, 9000)
    expect(toRows([call, again])[0]?.isPending).toBe(false)
  })

  test('an answer that was lost ends in a gap and is trouble', () => {
    const [row] = toRows([ended({ ...request, errMsg: 'request:fail timeout' }, 1000)])
    expect(row).toMatchObject({ kind: 'request.lost', shape: 'lost', isTrouble: true, label: 'timeout' })
  })

  test('a row that grows keeps its key', () => {
    const calls = [1, 2].map((call) => begun({ ...request, call }, 1000 + call))
    expect(toRows(calls.slice(0, 1))[0]?.key).toBe(toRows(calls)[0]?.key)
  })

  test('the rows of two phones are apart', () => {
    const calls = ['A', 'B'].map((device, call) => begun({ ...request, device, call }, 1000))
    expect(toRows(calls)).toHaveLength(2)
  })

  test('small questions to the stores stand with the one beside them, and large ones alone', () => {
    const store = (event: string, atMs: number) =>
      toEvent('backstage', 'ended', entry({ side: 'service', event, phone: 'A', startedAtMs: atMs - 1 }, atMs))
    const rows = toRows([store('sessions.settleCode', 1), store('users.signIn', 2), store('sessions.create', 3)])
    expect(rows.map(({ kind, events }) => [kind, events.length])).toEqual([
      ['store.user', 2],
      ['store.create', 1],
    ])
  })

  test.each([
    [{ statusCode: 401, code: 'session_invalid' }, 'request.ended'],
    [{ statusCode: 401, code: 'session_revoked', reason: 'admin' }, 'request.revoked'],
    [{ statusCode: 401 }, 'request.foreign'],
    [{ statusCode: 503, code: 'store_unavailable' }, 'request.outage'],
    [{ statusCode: 404 }, 'request.refused'],
  ])('%o is a row of the kind %s', (answer, kind) => {
    expect(toRows([ended({ ...request, ...answer }, 1000)])[0]?.kind).toBe(kind)
  })

  test.each([
    ['POST', '/v1/sessions', 'sign-in'],
    ['GET', '/v1/session', 'question'],
    ['DELETE', '/v1/session', 'sign-out'],
    ['DELETE', '/v1/sessions', 'sign-out'],
    ['DELETE', '/v1/sessions/abc', 'sign-out'],
    ['GET', '/v1/sessions', 'request'],
    ['POST', '/v1/me/avatar', 'avatar'],
    ['POST', '/v1/me/profile', 'profile'],
    ['POST', '/v1/me/phone', 'phone'],
    ['DELETE', '/v1/me/phone', 'unbind'],
    ['DELETE', '/v1/me', 'erase'],
    ['GET', '/v1/me', 'request'],
    ['POST', '/orders', 'request'],
  ])('%s %s is about: %s', (method, path, subject) => {
    const call = { event: path.endsWith('avatar') ? 'wx.uploadFile' : 'wx.request', method, call: 1 }
    const url = `https://a.example${path}`
    const rows = toRows([begun({ ...call, url }, 1000), ended({ ...call, url, statusCode: 200 }, 1100)])
    expect(rows.map(({ kind }) => kind)).toEqual([`${subject}.call`, `${subject}.ok`])
  })

  test.each([
    ['jscode2session', 'exchange', { sessionKey: 'k1' }],
    ['stable_token', 'access-token', { accessToken: 'a1' }],
    ['getuserphonenumber', 'number', {}],
  ])('the call %s of the service is a question and an answer of WeChat', (event, subject, gift) => {
    const call = { side: 'wechat' as const, event, call: 1 }
    const rows = toRows([begun(call, 1000), ended({ ...call, ...gift, errcode: 0 }, 1100)])
    expect(rows.map(({ kind }) => kind)).toEqual([`${subject}.call`, `${subject}.ok`])
    expect(toRows([ended({ ...call, errcode: 40029 }, 1000)])[0]).toMatchObject({
      kind: 'exchange.refused',
      label: 'errcode 40029',
    })
  })

  test.each([
    ['delayMs times', 'fault: wx.request is slow'],
    ['delayMs status', 'fault: wx.request answers another status'],
    ['status body times', 'fault: wx.request answers another status'],
    ['hang', 'fault: wx.request does not answer'],
    ['something', 'fault: wx.request something'],
  ])('a fault with %s is told in words', (fault, en) => {
    const [row] = toRows([ended({ side: 'control', event: 'fault.set', point: 'wx.request', fault }, 1000)])
    expect(row?.label).toMatchObject({ en })
  })

  test('a getPhoneNumber button gives a code, or the reason why not', () => {
    const call = { event: 'getPhoneNumber', call: 1 }
    const given = toRows([begun(call, 1000), ended({ ...call, code: 'p1' }, 1100)])
    expect(given.map(({ kind, label }) => [kind, label])).toEqual([
      ['phone-code.call', 'getPhoneNumber'],
      ['phone-code.ok', 'code p1'],
    ])
    const [refused] = toRows([ended({ ...call, errMsg: 'getPhoneNumber:fail user deny' }, 1000)])
    expect(refused).toMatchObject({ kind: 'phone-code.fail', label: 'user deny', isTrouble: true })
  })
})

test.each(Object.entries(KINDS).flatMap(([id, { source }]) => (source ? [[id, source] as const] : [])))(
  'the source that rows of the kind %s link to is there',
  (_id, { file, find }) => {
    expect(existsSync(join(ROOT, file))).toBe(true)
    expect(readFileSync(join(ROOT, file), 'utf8')).toContain(find)
  },
)

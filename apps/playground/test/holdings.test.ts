import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import { expect, test } from 'vitest'
import { type LedgerEvent, toEvent } from '../src/timeline/events.ts'
import { type Holdings, holdingsAfter } from '../src/timeline/holdings.ts'

let seq = 0
/** An event of one millisecond, ended unless it says otherwise. */
function event(detail: Partial<LedgerEntry>, phase: LedgerEvent['phase'] = 'ended'): LedgerEvent {
  return toEvent('page', phase, { side: 'device', seq: ++seq, call: seq, atMs: seq, ...detail } as LedgerEntry)
}

const call = (method: string, path: string, detail: Partial<LedgerEntry> = {}) => ({
  device: 'A',
  event: 'wx.request',
  method,
  url: `https://a.example${path}`,
  ...detail,
})

const SIGNED_IN = [
  event({ device: 'A', event: 'wx.login', code: 'c1' }),
  event(call('POST', '/v1/sessions'), 'begun'),
  event({ phone: 'A', event: 'jscode2session', sessionKey: 'k1' }),
  event({ phone: 'A', event: 'users.signIn' }),
  event({ phone: 'A', event: 'sessions.create', sessionId: 's1' }),
  event(call('POST', '/v1/sessions', { statusCode: 201, token: '#1' })),
]

/** `thing which` of each lifeline. */
function told(holdings: Holdings): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(holdings).map(([lifeline, held]) => [
      lifeline,
      held.map(({ id, which }) => `${id} ${which}`.trim()),
    ]),
  )
}

test('after a sign-in the phone has the token, WeChat openid and key, and the stores a hash and a sealed key', () => {
  expect(told(holdingsAfter(SIGNED_IN, 'A'))).toEqual({
    phone: ['token #1'],
    service: ['secret'],
    wechat: ['openid', 'key k1'],
    stores: ['hash #1', 'user', 'openid', 'sealed k1'],
  })
})

test('the codes are with the phone and the server while the sign-in is under way', () => {
  const underway = [event({ device: 'A', event: 'getPhoneNumber', code: 'p1' }), ...SIGNED_IN.slice(0, 2)]
  expect(told(holdingsAfter(underway, 'A'))).toMatchObject({
    phone: ['code c1', 'phoneCode p1'],
    service: ['secret', 'code c1', 'phoneCode p1'],
  })
})

test('a number that is proved is in the stores until it is taken back, and never on the phone', () => {
  const bound = [
    ...SIGNED_IN,
    event({ device: 'A', event: 'getPhoneNumber', code: 'p1' }),
    event(call('POST', '/v1/me/phone'), 'begun'),
    event({ phone: 'A', event: 'users.prove' }),
    event(call('POST', '/v1/me/phone', { statusCode: 200 })),
  ]
  expect(told(holdingsAfter(bound, 'A'))).toMatchObject({
    phone: ['token #1'],
    service: ['secret'],
    wechat: ['openid', 'key k1', 'number'],
    stores: ['hash #1', 'user', 'openid', 'sealed k1', 'number'],
  })
  const removed = [...bound, event({ phone: 'A', event: 'users.remove' })]
  expect(told(holdingsAfter(removed, 'A')).stores).not.toContain('number')
})

test('after a sign-out the phone has nothing', () => {
  const { phone, stores } = holdingsAfter(
    [...SIGNED_IN, event(call('DELETE', '/v1/session', { bearer: '#1', statusCode: 204 }))],
    'A',
  )
  expect([phone, stores[0]]).toEqual([[], { id: 'tombstone', which: 'signed_out' }])
})

test('after an erasure nothing of the user is left in the stores but a tombstone, whichever phone asked', () => {
  for (const asking of ['A', 'B']) {
    const erased = [
      ...SIGNED_IN,
      event({ phone: asking, event: 'sessions.revokeAll' }),
      event({ phone: asking, event: 'users.eraseUser' }),
      event({ ...call('DELETE', '/v1/me', { statusCode: 204 }), device: asking }),
    ]
    const { phone, stores } = told(holdingsAfter(erased, 'A'))
    expect(stores).toEqual(['tombstone erased'])
    // The other phone does not know it yet.
    expect(phone).toEqual(asking === 'A' ? [] : ['token #1'])
  }
})

test('an erasure that failed leaves everything', () => {
  const failed = [...SIGNED_IN, event({ phone: 'A', event: 'users.eraseUser', failed: 'store_unavailable' })]
  expect(told(holdingsAfter(failed, 'A')).stores).toContain('user')
})

import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import { describe, expect, test } from 'vitest'
import { countOf } from '../src/timeline/counts.ts'
import { toEvent } from '../src/timeline/events.ts'

/** What `countOf` says of these answers, in this order. */
function count(answers: readonly Partial<LedgerEntry>[]) {
  const base = { side: 'device', device: 'A', event: 'wx.request', method: 'GET', url: 'https://a.example/products' }
  return countOf(
    answers.map((answer, seq) => toEvent('page', 'ended', { ...base, seq, atMs: seq, ...answer } as never)),
  )
}

const signIn = (token: string, bearer: string | false = false) =>
  ({ method: 'POST', url: 'https://a.example/v1/sessions', statusCode: 201, token, bearer }) as const

describe('sessions that were good when the phone put another in their place', () => {
  test.each<[string, number, Partial<LedgerEntry>[]]>([
    ['two logins where one was enough', 1, [signIn('#1'), signIn('#2')]],
    [
      'a late 401 about the token before',
      1,
      [signIn('#1'), signIn('#2', '#1'), { bearer: '#1', statusCode: 401 }, signIn('#3')],
    ],
    [
      'a session that the service had ended is none',
      0,
      [signIn('#1'), { bearer: '#1', statusCode: 401 }, signIn('#2')],
    ],
    ['one whose token the sign-in brings along is none: the service ends it', 0, [signIn('#1'), signIn('#2', '#1')]],
    [
      'one that was signed out is none',
      0,
      [
        signIn('#1'),
        { method: 'DELETE', url: 'https://a.example/v1/session', bearer: '#1', statusCode: 204 },
        signIn('#2'),
      ],
    ],
    ['that of another phone is none', 0, [signIn('#1'), { ...signIn('#2'), device: 'B' }]],
  ])('%s: %i', (_what, wasted, answers) => {
    expect(count(answers).wasted).toBe(wasted)
  })
})

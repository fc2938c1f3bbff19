import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import type { LedgerEvent } from './events.ts'
import type { Lifeline } from './row.ts'
import type { THINGS } from './things.ts'

/** Something that one of the four has. */
export interface Holding {
  id: keyof typeof THINGS
  /** Which one: `#1`, `k2`. */
  which: string
}

export type Holdings = Record<Lifeline, Holding[]>

/** What is known of one phone and its user. Null: nobody has it. */
interface Known {
  token: string | null
  code: string | null
  isCodeAtServer: boolean
  phoneCode: string | null
  isPhoneCodeAtServer: boolean
  /** WeChat's session_key. */
  key: string | null
  /** The one that the server keeps. */
  sealed: string | null
  isOpenidKnown: boolean
  isNumberKnown: boolean
  hasUser: boolean
  hasNumber: boolean
  session: { id: string; token: string; ended: string | null } | null
}

/** Who holds what after `events`, seen for one phone and its user. */
export function holdingsAfter(events: readonly LedgerEvent[], phone: string): Holdings {
  const known: Known = {
    token: null,
    code: null,
    isCodeAtServer: false,
    phoneCode: null,
    isPhoneCodeAtServer: false,
    key: null,
    sealed: null,
    isOpenidKnown: false,
    isNumberKnown: false,
    hasUser: false,
    hasNumber: false,
    session: null,
  }
  for (const { entry, phase } of events) {
    if (phase === 'ended') learnOfOthers(known, entry, phone)
    if ((entry.device ?? entry.phone) !== phone) continue
    if (entry.event === 'wx.request') learnOfRequest(known, entry, phase)
    else if (phase === 'ended') learn(known, entry)
  }
  return toHoldings(known)
}

/** What the user's other phones, or nobody in particular, did to this one. */
function learnOfOthers(known: Known, { event, failed, phone }: LedgerEntry, ours: string): void {
  if (event === 'session_key.expired') known.key = null
  if (event === 'sessions.revokeAll' && phone !== ours && known.session) known.session.ended = '…'
  if (event !== 'users.eraseUser' || failed) return
  Object.assign(known, { hasUser: false, hasNumber: false, sealed: null } satisfies Partial<Known>)
  if (known.session) known.session.ended = 'erased'
}

function learnOfRequest(known: Known, entry: LedgerEntry, phase: LedgerEvent['phase']): void {
  const target = `${entry.method} ${entry.url}`
  const isSignIn = /^POST .*\/sessions$/.test(target)
  const takesPhoneCode = isSignIn || /^POST .*\/me\/phone$/.test(target)
  if (phase === 'begun') {
    if (isSignIn) known.isCodeAtServer = true
    if (takesPhoneCode) known.isPhoneCodeAtServer = true
    return
  }
  if (takesPhoneCode) Object.assign(known, { phoneCode: null, isPhoneCodeAtServer: false } satisfies Partial<Known>)
  if (isSignIn) {
    Object.assign(known, { code: null, isCodeAtServer: false } satisfies Partial<Known>)
    if (!entry.token) return
    known.token = String(entry.token)
    if (known.session?.token === '') known.session.token = known.token
  } else if (entry.statusCode === 401 && String(entry.code).startsWith('session_') && entry.bearer === known.token) {
    known.token = null
    if (known.session && entry.reason) known.session.ended = String(entry.reason)
    else known.session = null
  } else if (/^DELETE .*\/(session|me)$/.test(target) && entry.statusCode === 204) {
    // Signed out, or the account is gone: the token is worth nothing.
    known.token = null
    if (known.session) known.session.ended ??= 'signed_out'
  }
}

function learn(known: Known, entry: LedgerEntry): void {
  if (entry.failed || entry.errMsg !== undefined) return
  switch (entry.event) {
    case 'wx.login':
      if (entry.code) Object.assign(known, { code: String(entry.code), isOpenidKnown: true } satisfies Partial<Known>)
      return
    case 'getPhoneNumber':
      Object.assign(known, { phoneCode: String(entry.code), isNumberKnown: true } satisfies Partial<Known>)
      return
    case 'wx.clearStorage':
      known.token = null
      return
    case 'jscode2session':
      if (entry.sessionKey) known.key = String(entry.sessionKey)
      return
    case 'users.signIn':
      Object.assign(known, { hasUser: true, sealed: known.key } satisfies Partial<Known>)
      return
    case 'users.prove':
    case 'users.remove':
      known.hasNumber = entry.event === 'users.prove'
      return
    case 'sessions.create':
      known.session = { id: String(entry.sessionId ?? ''), token: '', ended: null }
  }
}

function toHoldings(known: Known): Holdings {
  const { token, code, phoneCode, key, sealed, session } = known
  const has = (id: Holding['id'], which: string | null | false) =>
    which === null || which === false ? [] : [{ id, which }]
  const is = (id: Holding['id'], isHeld: boolean) => has(id, isHeld && '')
  return {
    phone: [...has('token', token), ...has('code', code), ...has('phoneCode', phoneCode)],
    service: [
      ...is('secret', true),
      ...has('code', known.isCodeAtServer && code),
      ...has('phoneCode', known.isPhoneCodeAtServer && phoneCode),
    ],
    wechat: [...is('openid', known.isOpenidKnown), ...has('key', key), ...is('number', known.isNumberKnown)],
    stores: [
      ...has('hash', session?.ended === null && (session.token || session.id)),
      ...has('tombstone', session?.ended ?? null),
      ...is('user', known.hasUser),
      ...is('openid', known.hasUser),
      ...has('sealed', sealed),
      ...is('number', known.hasNumber),
    ],
  }
}

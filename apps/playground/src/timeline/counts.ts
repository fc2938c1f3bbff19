import type { LedgerEvent } from './events.ts'

/** What is remembered of a comparison. */
export interface Counts {
  logins: number
  codes: number
  /** Sessions that were good when the phone put another in their place: nobody uses or ends them any more. */
  wasted: number
  failed: number
  pending: number
}

/** Counted over the events of one track. */
export function countOf(events: readonly LedgerEvent[]): Counts {
  const ended = events.filter(({ phase }) => phase === 'ended')
  const answered = new Set(ended.map(({ origin, entry }) => `${origin} ${entry.call}`))
  const begun = events.filter(({ phase, entry }) => phase === 'begun' && entry.event === 'app.request')
  const loginsBegun = events.filter(({ phase, entry }) => phase === 'begun' && entry.event === 'wx.login')
  return {
    logins: loginsBegun.length,
    wasted: countWasted(ended),
    codes: ended.filter(({ entry }) => entry.event === 'jscode2session').length,
    failed: ended.filter(({ entry }) => entry.event === 'app.request' && entry.ok === false).length,
    pending: begun.filter(({ origin, entry }) => !answered.has(`${origin} ${entry.call}`)).length,
  }
}

/** A sign-out, and the end of the account. */
const SIGN_OUT = /^DELETE .*\/(?:session|me)$/

function countWasted(ended: readonly LedgerEvent[]): number {
  /** The token that each phone holds, as long as nothing has said that it is over. */
  const held = new Map<string, string>()
  let wasted = 0
  for (const { entry } of ended) {
    if (entry.event !== 'wx.request') continue
    const phone = String(entry.device)
    const isSignIn = typeof entry.token === 'string'
    // A sign-in that brings a token along asks the service to end its session.
    const isOver = entry.statusCode === 401 || isSignIn || SIGN_OUT.test(`${entry.method} ${entry.url}`)
    if (isOver && entry.bearer === held.get(phone)) held.delete(phone)
    if (!isSignIn) continue
    if (held.has(phone)) wasted++
    held.set(phone, String(entry.token))
  }
  return wasted
}

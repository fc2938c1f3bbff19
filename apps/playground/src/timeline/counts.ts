import type { LedgerEvent } from './events.ts'

/** What is remembered of a comparison. */
export interface Counts {
  logins: number
  codes: number
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
    codes: ended.filter(({ entry }) => entry.event === 'jscode2session').length,
    failed: ended.filter(({ entry }) => entry.event === 'app.request' && entry.ok === false).length,
    pending: begun.filter(({ origin, entry }) => !answered.has(`${origin} ${entry.call}`)).length,
  }
}

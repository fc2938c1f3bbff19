import type { LedgerEntry } from '@weapp-auth/emulator'

/** One line of the trace, or null for what a reader does not need. Nothing comes from elsewhere than the entry. */
export function renderEntry(entry: LedgerEntry): string | null {
  if (entry.event === 'clock.advance') return `\n   ${duration(Number(entry.ms))} pass ${whereClock(entry)}\n`
  const [action, outcome] = describe(entry) ?? []
  if (!action) return null
  const actor = entry.side === 'device' ? String(entry.device) : entry.side === 'wechat' ? 'WeChat' : 'test'
  const line = `   ${actor.padEnd(9)} ${action}`
  return outcome ? `${line.padEnd(56)} → ${outcome}` : line
}

/** What the whole run amounts to: the figures a sign-in is judged by. */
export function renderSummary(entries: readonly LedgerEntry[]): string {
  const count = (event: string) => entries.filter((entry) => entry.event === event).length
  const exchanged = entries.filter(({ event }) => event === 'jscode2session').map(({ code }) => code)
  const twice = exchanged.length - new Set(exchanged).size
  return `   ${count('wx.login')} × wx.login, ${exchanged.length} × jscode2session, ${twice} codes sent twice`
}

function describe(entry: LedgerEntry): [action: string, outcome?: string] | null {
  const { event } = entry
  switch (event) {
    case 'app.launch':
      return ['opens the mini-program']
    case 'ui.tap':
      return [`taps ${entry.selector}`]
    case 'ui.pullDownRefresh':
      return ['pulls the page down to refresh it']
    case 'wx.login':
      return ['wx.login', entry.errMsg === undefined ? `code ${entry.code}` : String(entry.errMsg)]
    case 'wx.checkSession':
      return ['wx.checkSession', entry.errMsg === undefined ? 'the session_key lives' : String(entry.errMsg)]
    case 'wx.request':
      return [request(entry), answer(entry)]
    case 'jscode2session':
      return [
        `jscode2session, code ${entry.code}`,
        entry.errcode === 0 ? 'openid, session_key' : `errcode ${entry.errcode}`,
      ]
    case 'fault.set':
      return [`switches a fault on: ${entry.point} ${entry.fault}`]
    case 'app.error':
      return ['an error in the app', String(entry.message)]
    default:
      return null
  }
}

function request({ method, url, bearer }: LedgerEntry): string {
  const { pathname } = new URL(String(url))
  return `${method} ${pathname}${bearer ? `, token ${bearer}` : ''}`
}

function answer({ statusCode, code, reason, errMsg }: LedgerEntry): string {
  return [statusCode ?? errMsg, code, reason && `(${reason})`].filter(Boolean).join(' ')
}

function whereClock({ clock }: LedgerEntry): string {
  return clock === 'wechat' ? 'at WeChat and at the service' : 'on the phone'
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  return minutes >= 120 ? `${Math.round(minutes / 60)} hours` : `${minutes} minutes`
}

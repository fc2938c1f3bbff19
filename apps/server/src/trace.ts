import type { LedgerEntry } from '@weapp-auth/emulator'

const ACTORS = { wechat: 'WeChat', control: '', device: '' } as const

const BEGINNING = /^(app\.launch|ui\.)/

/** Prints ledger entries as a trace, a line each and from nothing else, with a gap before what the user or the clock begins. */
export function createTrace(print: (line: string) => void): (entry: LedgerEntry) => void {
  let gap = false
  return (entry) => {
    const line = renderEntry(entry)
    if (line === null) return
    const isSetting = entry.side === 'control'
    print(gap && (isSetting || BEGINNING.test(entry.event)) ? `\n${line}` : line)
    gap = !isSetting
  }
}

/** Null for what a reader does not need. */
function renderEntry(entry: LedgerEntry): string | null {
  const [action, outcome] = describe(entry) ?? []
  if (!action) return null
  const actor = entry.side === 'device' ? entry.device : ACTORS[entry.side]
  const line = `   ${String(actor).padEnd(9)} ${action}`
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
    case 'clock.advance':
      return [`${duration(Number(entry.ms))} pass on ${entry.clock === 'server' ? 'the server side' : entry.clock}`]
    case 'app.launch':
      return ['opens the mini-program']
    case 'ui.tap':
      return [`taps ${entry.selector}`]
    case 'ui.pullDownRefresh':
      return ['pulls the page down to refresh it']
    case 'wx.login':
      return ['wx.login', entry.errMsg === undefined ? `code ${entry.code}` : failure(entry)]
    case 'wx.checkSession':
      return ['wx.checkSession', entry.errMsg === undefined ? 'the session_key lives' : failure(entry)]
    case 'wx.request':
      return [request(entry), answer(entry)]
    case 'jscode2session':
      return [
        `jscode2session, code ${entry.code}`,
        entry.errcode === 0 ? 'openid, session_key' : `errcode ${entry.errcode}`,
      ]
    case 'session_key.expired':
      return [`the session_key of ${entry.user} dies at WeChat`]
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

function answer(entry: LedgerEntry): string {
  const { statusCode, code, reason } = entry
  return [statusCode ?? failure(entry), code, reason && `(${reason})`].filter(Boolean).join(' ')
}

/** The network stack's own name for what happened, where there is one. */
function failure({ errMsg }: LedgerEntry): string {
  return String(errMsg).replace(/^.*net::/, '')
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  return minutes >= 120 ? `${Math.round(minutes / 60)} hours` : `${minutes} minutes`
}

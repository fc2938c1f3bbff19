import type { LedgerEntry } from '@weapp-auth/emulator'
import type { DemoTexts } from './demo-texts.ts'

/** An act of the user, a change of the clock or a switch of the emulator begins a new scene. */
const BEGINNING = /^(app\.launch|ui\.)/

const ACTOR_WIDTH = 9
const ACTION_END = 56

/** Prints ledger entries as a trace: one line each, and an empty line before each scene. */
export function createTrace(print: (line: string) => void, texts: DemoTexts): (entry: LedgerEntry) => void {
  let gap = false
  return (entry) => {
    const line = renderEntry(entry, texts)
    if (line === null) return
    const isSetting = entry.side === 'control'
    print(gap && (isSetting || BEGINNING.test(entry.event)) ? `\n${line}` : line)
    gap = !isSetting
  }
}

/** Null for entries that the trace leaves out. */
function renderEntry(entry: LedgerEntry, texts: DemoTexts): string | null {
  const [action, outcome] = describe(entry, texts) ?? []
  if (!action) return null
  const line = `   ${pad(actorOf(entry, texts), ACTOR_WIDTH)} ${action}`
  return outcome ? `${pad(line, ACTION_END)} → ${outcome}` : line
}

/** Entries about everybody, such as the clock, name no phone. */
function actorOf({ side, device }: LedgerEntry, texts: DemoTexts): string {
  if (side === 'device') return String(device)
  return side === 'wechat' ? texts.wechat : ''
}

/** Pads to a width in terminal columns: a Chinese character takes two. */
function pad(text: string, width: number): string {
  const columns = text.length + (text.match(/[\u2e80-\uffef]/g)?.length ?? 0)
  return text + ' '.repeat(Math.max(0, width - columns))
}

/** The figures by which a sign-in is judged, for the whole run. */
export function renderSummary(entries: readonly LedgerEntry[], texts: DemoTexts): string {
  const logins = entries.filter(({ event }) => event === 'wx.login').length
  const exchanged = entries.filter(({ event }) => event === 'jscode2session').map(({ code }) => code)
  const twice = exchanged.length - new Set(exchanged).size
  return `   ${texts.summary({ logins, exchanges: exchanged.length, twice })}`
}

function describe(entry: LedgerEntry, texts: DemoTexts): [action: string, outcome?: string] | null {
  const { event } = entry
  switch (event) {
    case 'clock.advance': {
      const where = entry.clock === 'server' ? texts.serverSide : String(entry.clock)
      return [texts.timePasses(duration(Number(entry.ms), texts), where)]
    }
    case 'app.launch':
      return [texts.opens]
    case 'ui.tap':
      return [texts.taps(String(entry.selector))]
    case 'ui.pullDownRefresh':
      return [texts.pullsDown]
    case 'wx.login':
      return ['wx.login', entry.errMsg === undefined ? texts.code(String(entry.code)) : failure(entry)]
    case 'wx.checkSession':
      return ['wx.checkSession', entry.errMsg === undefined ? texts.sessionKeyLives : failure(entry)]
    case 'wx.request':
      return [request(entry, texts), answer(entry)]
    case 'jscode2session':
      return [
        `jscode2session, ${texts.code(String(entry.code))}`,
        entry.errcode === 0 ? 'openid, session_key' : `errcode ${entry.errcode}`,
      ]
    case 'session_key.expired':
      return [texts.sessionKeyDies(String(entry.user))]
    case 'fault.set':
      return [texts.faultSet(String(entry.point), String(entry.fault))]
    case 'app.error':
      return [texts.appError, String(entry.message)]
    default:
      return null
  }
}

function request({ method, url, bearer }: LedgerEntry, texts: DemoTexts): string {
  const { pathname } = new URL(String(url))
  return `${method} ${pathname}${bearer ? `, ${texts.token(String(bearer))}` : ''}`
}

function answer(entry: LedgerEntry): string {
  const { statusCode, code, reason } = entry
  return [statusCode ?? failure(entry), code, reason && `(${reason})`].filter(Boolean).join(' ')
}

/** The network stack's own name for what happened, where there is one. */
function failure({ errMsg }: LedgerEntry): string {
  return String(errMsg).replace(/^.*net::/, '')
}

function duration(ms: number, texts: DemoTexts): string {
  const minutes = Math.round(ms / 60_000)
  return minutes >= 120 ? texts.hours(Math.round(minutes / 60)) : texts.minutes(minutes)
}

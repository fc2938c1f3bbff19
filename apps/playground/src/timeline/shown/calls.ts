import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import type { LedgerEvent } from '../events.ts'
import type { KindId } from '../kinds.ts'
import type { Shown } from '../row.ts'

/** What a request to the service is about, by its method and path; the first that fits. The rest are the app's own. */
const SUBJECTS = [
  ['sign-in', /^POST .*\/sessions$/],
  ['question', /^GET .*\/session$/],
  ['sign-out', /^DELETE .*\/sessions?(\/[^/]+)?$/],
  ['avatar', /^POST .*\/me\/avatar$/],
  ['profile', /^POST .*\/me\/profile$/],
  ['phone', /^POST .*\/me\/phone$/],
  ['unbind', /^DELETE .*\/me\/phone$/],
  ['erase', /^DELETE .*\/me$/],
] as const

type Subject = (typeof SUBJECTS)[number][0] | 'request'

/** What the phone calls, of `wx` and of WeChat's buttons. */
export function showCall(entry: LedgerEntry, phase: LedgerEvent['phase']): Shown | null {
  const { event } = entry
  if (/Storage$/.test(event)) return showStorage(entry)
  if (event === 'wx.login' || event === 'wx.checkSession' || event === 'getPhoneNumber') {
    const kind = event === 'getPhoneNumber' ? 'phone-code' : event
    if (phase === 'begun') return { kind: `${kind}.call`, from: 'phone', to: 'wechat', label: event, shape: 'arrow' }
    return showWechatAnswer(kind, entry)
  }
  if (event === 'wx.connectSocket' || event === 'wx.onSocketMessage') return showSocket(entry)
  if (event !== 'wx.request' && event !== 'wx.uploadFile') return null
  const target = `${entry.method} ${pathOf(entry)}`
  const subject = SUBJECTS.find(([, pattern]) => pattern.test(target))?.[0] ?? 'request'
  if (phase === 'ended') return showAnswer(subject, entry)
  const token = entry.bearer ? `, ${entry.bearer}` : ''
  return { kind: `${subject}.call`, from: 'phone', to: 'service', label: `${target}${token}`, shape: 'arrow' }
}

function showSocket(entry: LedgerEntry): Shown | null {
  const path = pathOf(entry)
  if (entry.event === 'wx.onSocketMessage') {
    return { kind: 'socket.message', from: 'service', to: 'phone', label: path, shape: 'arrow' }
  }
  if (entry.open) {
    const token = entry.bearer ? `, ${entry.bearer}` : ''
    return { kind: 'socket.open', from: 'phone', to: 'service', label: `${path}${token}`, shape: 'there-and-back' }
  }
  // The app itself closes with 1000.
  if (entry.closed === 1000) return { kind: 'socket.left', from: 'phone', to: 'service', label: path, shape: 'arrow' }
  const [from, to] = ['service', 'phone'] as const
  if (entry.closed === 1006) return { kind: 'socket.lost', from, to, label: path, shape: 'lost', isTrouble: true }
  return { kind: 'socket.closed', from, to, label: `close ${entry.closed}`, shape: 'arrow', isTrouble: true }
}

function showWechatAnswer(kind: 'wx.login' | 'wx.checkSession' | 'phone-code', entry: LedgerEntry): Shown {
  const base = { from: 'wechat', to: 'phone' } as const
  if (entry.errMsg !== undefined) {
    return { ...base, kind: `${kind}.fail`, label: reasonOf(entry), shape: 'lost', isTrouble: true }
  }
  const label =
    kind === 'wx.checkSession'
      ? { zh: 'session_key 还在', en: 'the session_key lives' }
      : `code ${entry.code}${entry.fromCache ? ' (fromCache)' : ''}`
  return { ...base, kind: `${kind}.ok`, label, shape: 'arrow' }
}

function showAnswer(subject: Subject, entry: LedgerEntry): Shown {
  const base = { from: 'service', to: 'phone' } as const
  const status = Number(entry.statusCode)
  if (entry.statusCode === undefined) {
    return { ...base, kind: 'request.lost', label: reasonOf(entry), shape: 'lost', isTrouble: true }
  }
  const detail = [entry.code, entry.reason && `(${entry.reason})`].filter(Boolean).join(' ')
  const label = [status, entry.token ? `token ${entry.token}` : detail].filter(Boolean).join(' ')
  if (status < 400) return { ...base, kind: `${subject}.ok`, label, shape: 'arrow' }
  return { ...base, kind: kindOfRefusal(subject, status, entry.code), label, shape: 'arrow', isTrouble: true }
}

function kindOfRefusal(subject: Subject, status: number, code: unknown): KindId {
  if (subject === 'sign-in') return 'sign-in.refused'
  if (status === 401 && code === 'session_invalid') return 'request.ended'
  if (status === 401 && code === 'session_revoked') return 'request.revoked'
  if (status === 401) return 'request.foreign'
  return status >= 500 ? 'request.outage' : 'request.refused'
}

function showStorage(entry: LedgerEntry): Shown | null {
  const base = { from: 'phone', to: 'phone', shape: 'note' } as const
  const verb = entry.event.replace('wx.', '')
  // The key names the service as well; its first part says enough.
  const key = String(entry.key ?? '').split(':')[0]
  const label = `${verb}${entry.sync ? 'Sync' : ''} ${key}`.trim()
  if (entry.errMsg !== undefined && verb !== 'getStorage') {
    return { ...base, kind: 'storage.fail', label: `${label}: ${entry.errMsg}`, isTrouble: true }
  }
  if (verb === 'getStorage') return { ...base, kind: 'storage.read', label }
  return { ...base, kind: verb === 'setStorage' ? 'storage.write' : 'storage.remove', label }
}

function pathOf({ url }: LedgerEntry): string {
  try {
    return new URL(String(url)).pathname
  } catch {
    return String(url)
  }
}

/** The network stack's own name for what happened, where there is one. */
function reasonOf({ errMsg }: LedgerEntry): string {
  return String(errMsg)
    .replace(/^.*net::/, '')
    .replace(/^\w+:fail:?\s*/, '')
}

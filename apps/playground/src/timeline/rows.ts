import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import type { Text } from '../text.ts'
import type { LedgerEvent } from './events.ts'
import type { KindId } from './kinds.ts'
import { STORE_CALLS } from './store-calls.ts'

export const LIFELINES = ['phone', 'service', 'wechat', 'stores'] as const
export type Lifeline = (typeof LIFELINES)[number]

/** One line of the diagram: one event of a ledger, or several that are alike. */
export interface Row {
  key: string
  kind: KindId
  events: LedgerEvent[]
  /** Where the arrow begins and ends; the same lifeline twice for a note on it. */
  from: Lifeline
  to: Lifeline
  label: Text | string
  /** `lost`: the arrow does not arrive. `there-and-back`: the answer is the same row's. */
  shape: 'arrow' | 'lost' | 'there-and-back' | 'note' | 'cut'
  isTrouble: boolean
  /** Nothing came back yet. */
  isPending: boolean
  /** How long the call took, in milliseconds; of several, the longest. */
  ms: number | null
  /** The device's name; empty for what happens to everybody. */
  phone: string
  /** Rows with the same fold that follow each other closely become one. */
  fold: string
}

/** Alike within this time: ten requests of one tap. */
const FOLD_MS = 150

/** The rows of a timeline. A row's key is that of its first event, so that a row which grows stays the same row. */
export function toRows(events: readonly LedgerEvent[]): Row[] {
  const rows: Row[] = []
  const ended = new Set<string>()
  const lastLaunch = new Map<string, number>()
  for (const { origin, phase, entry, atMs } of events) {
    if (phase === 'ended' && entry.call !== undefined) ended.add(`${origin}:${entry.call}`)
    if (entry.event === 'app.launch') lastLaunch.set(String(entry.device), atMs)
  }

  for (const event of events) {
    const row = toRow(event)
    if (!row) continue
    // A call from before the last launch of its app is not pending: the app that waited for it was closed.
    const isAbandoned = event.atMs < (lastLaunch.get(row.phone) ?? 0)
    row.isPending = event.phase === 'begun' && !isAbandoned && !ended.has(`${event.origin}:${event.entry.call}`)
    const group = rows.findLast((earlier) => earlier.phone === row.phone && earlier.fold === row.fold)
    if (group && row.fold !== '' && event.atMs - (group.events.at(-1)?.atMs ?? 0) <= FOLD_MS) join(group, row)
    else rows.push(row)
  }
  return foldStoreCalls(rows)
}

function join(group: Row, row: Row): void {
  group.events.push(...row.events)
  group.isPending ||= row.isPending
  group.ms = Math.max(group.ms ?? 0, row.ms ?? 0) || group.ms
}

/** Small questions to the stores belong to the one they stand beside. */
function foldStoreCalls(rows: readonly Row[]): Row[] {
  const folded: Row[] = []
  for (const row of rows) {
    const before = folded.at(-1)
    const both = before?.kind.startsWith('store') && row.kind.startsWith('store') && before.phone === row.phone
    if (!before || !both || before.isTrouble !== row.isTrouble || !(isMinor(row) || isMinor(before))) {
      folded.push(row)
      continue
    }
    const main = isMinor(before) ? row : before
    folded[folded.length - 1] = {
      ...main,
      key: before.key,
      events: [...before.events, ...row.events],
      ms: (before.ms ?? 0) + (row.ms ?? 0),
    }
  }
  return folded
}

function isMinor({ events }: Row): boolean {
  return events.every(({ entry }) => {
    const known = STORE_CALLS[entry.event]
    return !known || known.isMinor === true
  })
}

type Shown = Pick<Row, 'kind' | 'from' | 'to' | 'label' | 'shape'> & { isTrouble?: boolean; fold?: string }

/** Null for what a reader does not need to see. */
function toRow(event: LedgerEvent): Row | null {
  const shown = show(event)
  if (!shown) return null
  const { entry, phase, key, atMs } = event
  return {
    isTrouble: false,
    fold: `${shown.kind} ${JSON.stringify(shown.label)} ${phase}`,
    ...shown,
    key,
    events: [event],
    isPending: false,
    ms: phase === 'ended' && entry.startedAtMs !== undefined ? atMs - entry.startedAtMs : null,
    // What is changed behind the scenes is changed for everybody.
    phone: entry.side === 'control' ? '' : String(entry.device ?? entry.phone ?? ''),
  }
}

function show({ entry, phase }: LedgerEvent): Shown | null {
  if (entry.side === 'service') return phase === 'ended' ? showStoreCall(entry) : null
  if (entry.side === 'wechat') return showWechat(entry, phase)
  if (entry.side === 'control') return showControl(entry)
  if (entry.event.startsWith('wx.')) return showCall(entry, phase)
  return showApp(entry, phase)
}

function showCall(entry: LedgerEntry, phase: LedgerEvent['phase']): Shown | null {
  const { event } = entry
  if (/Storage$/.test(event)) return showStorage(entry)
  if (event === 'wx.login' || event === 'wx.checkSession') {
    if (phase === 'begun') return { kind: `${event}.call`, from: 'phone', to: 'wechat', label: event, shape: 'arrow' }
    return showWechatAnswer(entry)
  }
  if (event === 'wx.connectSocket' || event === 'wx.onSocketMessage') return showSocket(entry)
  if (event !== 'wx.request' && event !== 'wx.uploadFile') return null
  const target = `${entry.method} ${pathOf(entry)}`
  const isSignIn = /^POST .*\/sessions$/.test(target)
  const isQuestion = /^GET .*\/session$/.test(target)
  if (phase === 'begun') {
    const token = entry.bearer ? `, ${entry.bearer}` : ''
    const kind = isSignIn ? 'sign-in.call' : isQuestion ? 'question.call' : 'request.call'
    return { kind, from: 'phone', to: 'service', label: `${target}${token}`, shape: 'arrow' }
  }
  return showAnswer(entry, { isSignIn, isQuestion })
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

function showWechatAnswer(entry: LedgerEntry): Shown {
  const base = { from: 'wechat', to: 'phone' } as const
  const kind = entry.event as 'wx.login' | 'wx.checkSession'
  if (entry.errMsg === undefined) {
    const label = kind === 'wx.login' ? `code ${entry.code}` : { zh: 'session_key 还在', en: 'the session_key lives' }
    const cached = entry.fromCache ? ' (fromCache)' : ''
    return { ...base, kind: `${kind}.ok`, label: typeof label === 'string' ? label + cached : label, shape: 'arrow' }
  }
  return { ...base, kind: `${kind}.fail`, label: reasonOf(entry), shape: 'lost', isTrouble: true }
}

function showAnswer(entry: LedgerEntry, { isSignIn, isQuestion }: { isSignIn: boolean; isQuestion: boolean }): Shown {
  const base = { from: 'service', to: 'phone' } as const
  const status = Number(entry.statusCode)
  if (entry.statusCode === undefined) {
    return { ...base, kind: 'request.lost', label: reasonOf(entry), shape: 'lost', isTrouble: true }
  }
  const detail = [entry.code, entry.reason && `(${entry.reason})`].filter(Boolean).join(' ')
  const label = [status, entry.token ? `token ${entry.token}` : detail].filter(Boolean).join(' ')
  if (isSignIn) {
    const isRefused = status >= 400
    return { ...base, kind: isRefused ? 'sign-in.refused' : 'sign-in.ok', label, shape: 'arrow', isTrouble: isRefused }
  }
  if (isQuestion && status < 300) return { ...base, kind: 'question.lives', label, shape: 'arrow' }
  if (status === 401) {
    const hasEnded = entry.code === 'session_invalid' || entry.code === 'session_revoked'
    const kind = hasEnded ? (entry.code === 'session_revoked' ? 'request.revoked' : 'request.ended') : 'request.foreign'
    return { ...base, kind, label, shape: 'arrow', isTrouble: true }
  }
  if (status >= 500) return { ...base, kind: 'request.outage', label, shape: 'arrow', isTrouble: true }
  if (status >= 400) return { ...base, kind: 'request.refused', label, shape: 'arrow', isTrouble: true }
  return { ...base, kind: 'request.ok', label, shape: 'arrow' }
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

function showWechat(entry: LedgerEntry, phase: LedgerEvent['phase']): Shown | null {
  if (entry.event !== 'jscode2session') return null
  if (phase === 'begun') {
    return { kind: 'exchange.call', from: 'service', to: 'wechat', label: 'jscode2session', shape: 'arrow' }
  }
  const base = { from: 'wechat', to: 'service' } as const
  if (entry.errcode === 0) {
    return { ...base, kind: 'exchange.ok', label: `openid, session_key ${entry.sessionKey}`, shape: 'arrow' }
  }
  const isLost = typeof entry.errcode !== 'number'
  const label = isLost ? String(entry.fault) : `errcode ${entry.errcode}`
  return { ...base, kind: 'exchange.refused', label, shape: isLost ? 'lost' : 'arrow', isTrouble: true }
}

function showStoreCall(entry: LedgerEntry): Shown {
  const known = STORE_CALLS[entry.event]
  const kind = entry.failed ? 'store.fail' : (known?.kind ?? 'store.other')
  const label = entry.failed ? `${entry.failed}` : (known?.label ?? entry.event)
  return {
    kind,
    from: 'service',
    to: 'stores',
    label,
    shape: entry.failed ? 'lost' : 'there-and-back',
    isTrouble: entry.failed !== undefined,
    fold: `${entry.event} ${entry.failed ?? ''}`,
  }
}

function showApp(entry: LedgerEntry, phase: LedgerEvent['phase']): Shown | null {
  const base = { from: 'phone', to: 'phone', shape: 'note' } as const
  switch (entry.event) {
    case 'app.request':
      if (phase === 'begun') return { ...base, kind: 'calls.begun', label: { zh: '请求在等', en: 'requests waiting' } }
      if (entry.ok)
        return { ...base, kind: 'calls.ok', label: { zh: '请求拿到了数据', en: 'requests with their data' } }
      return { ...base, kind: 'calls.fail', label: { zh: '请求失败了', en: 'requests failed' }, isTrouble: true }
    case 'app.launch':
      return { ...base, kind: 'app.launch', label: { zh: '打开小程序', en: 'opens the mini-program' } }
    case 'app.hide':
      return { ...base, kind: 'app.hide', label: { zh: '切到后台', en: 'goes to the background' } }
    case 'app.suspend':
      return { ...base, kind: 'app.suspend', label: { zh: '被微信挂起', en: 'is suspended by WeChat' } }
    case 'app.show':
      return null
    case 'app.resume':
      return { ...base, kind: 'app.show', label: { zh: '回到前台', en: 'comes back' } }
    case 'ui.tap':
      return { ...base, kind: 'ui.tap', label: { zh: `点按 ${entry.selector}`, en: `tap on ${entry.selector}` } }
    case 'ui.pullDownRefresh':
      return { ...base, kind: 'ui.refresh', label: { zh: '下拉刷新', en: 'pulls down to refresh' } }
    case 'app.error':
    case 'app.unhandledRejection':
      return { ...base, kind: 'app.error', label: String(entry.message), isTrouble: true }
    default:
      return null
  }
}

function showControl(entry: LedgerEntry): Shown | null {
  const base = { kind: 'control', from: 'phone', to: 'stores', shape: 'cut' } as const
  switch (entry.event) {
    case 'clock.advance': {
      const label = passed(Number(entry.ms))
      return { ...base, label, fold: `clock ${label.en}` }
    }
    case 'session_key.expired':
      return { ...base, label: { zh: '微信的 session_key 失效了', en: 'the session_key dies at WeChat' } }
    case 'store.mode':
      return { ...base, label: storeMode(entry) }
    case 'fault.set':
      return {
        ...base,
        label: { zh: `故障：${entry.point}（${entry.fault}）`, en: `fault: ${entry.point} (${entry.fault})` },
      }
    case 'fault.cleared':
      return { ...base, label: { zh: '故障排除', en: 'the fault is gone' } }
    case 'network':
      return entry.online
        ? { ...base, label: { zh: '手机有网了', en: 'the phone is online' } }
        : { ...base, label: { zh: '手机断网', en: 'the phone is offline' } }
    default:
      return null
  }
}

function storeMode({ store, mode }: LedgerEntry): Text {
  const name =
    store === 'sessions'
      ? { zh: '会话存储（Redis）', en: 'the session store (Redis)' }
      : { zh: '用户库（SQL）', en: 'the user store (SQL)' }
  const how = {
    up: { zh: '恢复', en: 'is back' },
    down: { zh: '挂了', en: 'is down' },
    slow: { zh: '变慢', en: 'is slow' },
  }
  const { zh, en } = how[mode as keyof typeof how]
  return { zh: `${name.zh}${zh}`, en: `${name.en} ${en}` }
}

function passed(ms: number): Text {
  const [count, zh, en] =
    ms >= 3_600_000 * 48
      ? [ms / 86_400_000, '天', 'days']
      : ms >= 7_200_000
        ? [ms / 3_600_000, '小时', 'hours']
        : ms >= 120_000
          ? [ms / 60_000, '分钟', 'minutes']
          : [ms / 1000, '秒', 'seconds']
  const rounded = Math.round(Number(count))
  return { zh: `${rounded} ${zh}过去了`, en: `${rounded} ${en} pass` }
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

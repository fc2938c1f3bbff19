import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import type { LedgerEvent } from '../events.ts'
import type { Shown } from '../row.ts'

/** What the app and its user do. */
export function showApp(entry: LedgerEntry, phase: LedgerEvent['phase']): Shown | null {
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

import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import type { LedgerEvent } from '../events.ts'
import type { Shown } from '../row.ts'
import { STORE_CALLS } from '../store-calls.ts'

/** WeChat's HTTP API, by the name of the call: the rows of its question and its answer. */
const CALLS = {
  jscode2session: { call: 'exchange.call', ok: 'exchange.ok' },
  stable_token: { call: 'access-token.call', ok: 'access-token.ok' },
  getuserphonenumber: { call: 'number.call', ok: 'number.ok' },
} as const

/** What the service asks WeChat. */
export function showWechat(entry: LedgerEntry, phase: LedgerEvent['phase']): Shown | null {
  const { event } = entry
  if (!(event in CALLS)) return null
  const kinds = CALLS[event as keyof typeof CALLS]
  if (phase === 'begun') return { kind: kinds.call, from: 'service', to: 'wechat', label: event, shape: 'arrow' }
  const base = { from: 'wechat', to: 'service' } as const
  if (entry.errcode === 0) return { ...base, kind: kinds.ok, label: gift(entry), shape: 'arrow' }
  const isLost = typeof entry.errcode !== 'number'
  const label = isLost ? String(entry.fault) : `errcode ${entry.errcode}`
  return { ...base, kind: 'exchange.refused', label, shape: isLost ? 'lost' : 'arrow', isTrouble: true }
}

/** What WeChat gives with a success. */
function gift({ event, sessionKey, accessToken }: LedgerEntry): Shown['label'] {
  if (event === 'stable_token') return `access_token ${accessToken}`
  if (event === 'getuserphonenumber') return { zh: '手机号', en: 'the phone number' }
  return `openid, session_key ${sessionKey}`
}

/** What the service asks its stores. */
export function showStoreCall(entry: LedgerEntry): Shown {
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

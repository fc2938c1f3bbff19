import type { LedgerEvent } from '../events.ts'
import type { Shown } from '../row.ts'
import { showApp } from './app.ts'
import { showStoreCall, showWechat } from './backstage.ts'
import { showCall } from './calls.ts'
import { showControl } from './controls.ts'

/** Null for what a reader does not need to see. */
export function show({ entry, phase }: LedgerEvent): Shown | null {
  if (entry.side === 'service') return phase === 'ended' ? showStoreCall(entry) : null
  if (entry.side === 'wechat') return showWechat(entry, phase)
  if (entry.side === 'control') return showControl(entry)
  if (entry.event.startsWith('wx.') || entry.event === 'getPhoneNumber') return showCall(entry, phase)
  return showApp(entry, phase)
}

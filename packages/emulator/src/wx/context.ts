import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Ledger, LedgerDetail, LedgerStart } from '../ledger.ts'
import type { AppThread } from './app-thread.ts'
import type { WechatLink } from './link.ts'
import type { Network } from './network.ts'

/** What the parts of one device share. */
export interface DeviceContext {
  readonly link: WechatLink
  readonly appid: string
  readonly user: string
  readonly clock: Clock
  readonly ledger: Ledger
  readonly faults: Faults
  readonly thread: AppThread
  readonly network: Network
  readonly envVersion: 'develop' | 'trial' | 'release'
  /** The scene of the running launch. */
  scene(): number
  /** Adds an entry of the device's side. */
  record(event: string, detail?: LedgerDetail): void
  /** Announces a call that takes time; its entry repeats what is answered. */
  begin(event: string, detail?: LedgerDetail): Pick<LedgerStart, 'call' | 'startedAtMs'>
}

/** 朋友圈's preview of a page: no login state, a storage of its own. */
export const SINGLE_PAGE_SCENE = 1154

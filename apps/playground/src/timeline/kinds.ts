import { ACCOUNT_KINDS } from './kinds/account.ts'
import type { Kind } from './kinds/kind.ts'
import { PHONE_KINDS } from './kinds/phone.ts'
import { REQUEST_KINDS } from './kinds/requests.ts'
import { STORE_KINDS } from './kinds/stores.ts'
import { WECHAT_KINDS } from './kinds/wechat.ts'

const ALL = { ...PHONE_KINDS, ...REQUEST_KINDS, ...ACCOUNT_KINDS, ...WECHAT_KINDS, ...STORE_KINDS }

export type KindId = keyof typeof ALL

/** What a reader is told about each kind of row. */
export const KINDS: Record<KindId, Kind> = ALL

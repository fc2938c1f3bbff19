import type { Text } from '../text.ts'
import type { LedgerEvent } from './events.ts'
import type { KindId } from './kinds.ts'

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

/** What a row says of one event. Rows with the same `fold` may become one; by default that is the kind and the label. */
export type Shown = Pick<Row, 'kind' | 'from' | 'to' | 'label' | 'shape'> & { isTrouble?: boolean; fold?: string }

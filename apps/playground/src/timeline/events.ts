import type { LedgerEntry } from '@weapp-auth/emulator/browser'

/** Something of a ledger: a call that began, or an entry. */
export interface LedgerEvent {
  /** Unique on the page. */
  key: string
  /** Whose ledger: the phones' in this page, or that of WeChat and the service. */
  origin: 'page' | 'backstage'
  phase: 'begun' | 'ended'
  /** Of a call that began, as much as was known then. */
  entry: LedgerEntry
  atMs: number
}

export function toEvent(origin: LedgerEvent['origin'], phase: LedgerEvent['phase'], entry: LedgerEntry): LedgerEvent {
  const number = phase === 'begun' ? `b${entry.call}` : `e${entry.seq}`
  return {
    key: `${origin}:${number}`,
    origin,
    phase,
    entry,
    atMs: phase === 'begun' ? (entry.startedAtMs ?? entry.atMs) : entry.atMs,
  }
}

/** Where two things happened in one millisecond: a phone asks before a server works, and hears when it has. */
const RANK = { 'page begun': 0, 'backstage begun': 1, 'backstage ended': 2, 'page ended': 3 } as const

export function compareEvents(one: LedgerEvent, other: LedgerEvent): number {
  if (one.atMs !== other.atMs) return one.atMs - other.atMs
  if (one.origin === other.origin) return 0
  return RANK[`${one.origin} ${one.phase}`] - RANK[`${other.origin} ${other.phase}`]
}

import type { LedgerEvent } from './events.ts'
import type { Row } from './row.ts'
import { show } from './shown/shown.ts'
import { STORE_CALLS } from './store-calls.ts'

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

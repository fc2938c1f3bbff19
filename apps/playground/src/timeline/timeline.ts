import { computed, type ReadonlySignal, signal } from '@preact/signals'
import { compareEvents, type LedgerEvent } from './events.ts'
import type { Row } from './row.ts'
import { toRows } from './rows.ts'

/** What happened, in order, from both ledgers. */
export interface Timeline {
  readonly events: ReadonlySignal<readonly LedgerEvent[]>
  readonly rows: ReadonlySignal<readonly Row[]>
  add(event: LedgerEvent): void
  clear(): void
}

/** Events of WeChat's ledger arrive a little later than the phone's own: nothing is drawn before this. */
const SETTLE_MS = 60

export function createTimeline(): Timeline {
  const events = signal<readonly LedgerEvent[]>([])
  let arriving: LedgerEvent[] = []

  function place(): void {
    const added = arriving
    arriving = []
    events.value = [...events.value, ...added].sort(compareEvents)
  }

  return {
    events,
    rows: computed(() => toRows(events.value)),
    add(event) {
      arriving.push(event)
      if (arriving.length === 1) window.setTimeout(place, SETTLE_MS)
    },
    clear() {
      arriving = []
      events.value = []
    },
  }
}

import type { Track } from '../stage/stage.ts'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'
import { countOf } from '../timeline/counts.ts'
import type { LedgerEvent } from '../timeline/events.ts'

/** What people remember of a comparison: four numbers. */
export function Counters({ events, track }: { events: readonly LedgerEvent[]; track: Track }) {
  const counts = countOf(events)
  const shown = [
    [TEXTS.logins, counts.logins],
    [TEXTS.codes, counts.codes],
    [TEXTS.failed, counts.failed],
    [TEXTS.pending, counts.pending],
  ] as const
  return (
    <dl class={`counters ${track}`} aria-label={say(TEXTS.counters)}>
      {shown.map(([name, count]) => (
        <div key={name.en}>
          <dt>{say(name)}</dt>
          <dd>{count}</dd>
        </div>
      ))}
    </dl>
  )
}

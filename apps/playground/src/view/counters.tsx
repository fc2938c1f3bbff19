import type { Track } from '../stage/stage.ts'
import type { View } from '../state.ts'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'
import { countOf } from '../timeline/counts.ts'

const SHOWN = [
  ['logins', TEXTS.logins],
  ['codes', TEXTS.codes],
  ['wasted', TEXTS.wasted],
  ['failed', TEXTS.failed],
  ['pending', TEXTS.pending],
] as const

/** What people remember of a comparison: five numbers. Those that are worse than ours are marked. */
export function Counters({ view, track }: { view: View; track: Track }) {
  const counts = countOf(view.eventsOf(track))
  const ours = countOf(view.eventsOf('ours'))
  return (
    <dl class="counters" data-track={track} aria-label={say(TEXTS.counters)}>
      {SHOWN.map(([id, name]) => (
        <div key={id} class={counts[id] > ours[id] ? 'is-worse' : ''}>
          <dt>{say(name)}</dt>
          <dd>{counts[id]}</dd>
        </div>
      ))}
    </dl>
  )
}

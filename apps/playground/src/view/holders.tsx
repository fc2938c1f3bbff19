import type { Stage } from '../stage/stage.ts'
import type { View } from '../state.ts'
import { say } from '../text.ts'
import { LIFELINE_NAMES, TEXTS } from '../texts.ts'
import { type Holding, holdingsAfter } from '../timeline/holdings.ts'
import { LIFELINES } from '../timeline/row.ts'
import { THINGS } from '../timeline/things.ts'

/** A box for each lifeline: what it has, after the selected row or now. */
export function Holders({ view, stage }: { view: View; stage: Stage }) {
  const row = view.selected.value
  const events = view.events.value
  const first = stage.shown.value.find(({ track }) => track === 'ours')
  const phone = row?.phone || first?.phone.name || ''
  const last = row?.events.at(-1)
  const until = last ? events.slice(0, events.indexOf(last) + 1) : events
  const holdings = holdingsAfter(until, phone)
  return (
    <section class="holders" aria-label={say(TEXTS.holdings)}>
      <h2>
        {say(TEXTS.holdings)} <small>{say(row ? TEXTS.holdingsThen : TEXTS.holdingsHint)}</small>
      </h2>
      {LIFELINES.map((lifeline) => (
        <div key={lifeline} class={`holder ${lifeline}`}>
          <h3>{say(LIFELINE_NAMES[lifeline])}</h3>
          <ul>
            {holdings[lifeline].map((holding) => (
              <HoldingItem key={`${holding.id} ${holding.which}`} holding={holding} />
            ))}
            {holdings[lifeline].length === 0 && <li class="none">{say(TEXTS.nothing)}</li>}
          </ul>
        </div>
      ))}
    </section>
  )
}

function HoldingItem({ holding: { id, which } }: { holding: Holding }) {
  const { name, lives, never } = THINGS[id]
  const label = id === 'hash' ? `sha256(${which})` : [say(name), which].filter(Boolean).join(' ')
  const text = [`${say(TEXTS.livesIn)}: ${say(lives)}`, say(never) && `${say(TEXTS.neverGoes)}: ${say(never)}`].filter(
    Boolean,
  )
  return (
    <li class="holding">
      <button type="button" aria-label={`${label}. ${text.join('. ')}`}>
        {label}
      </button>
      <span class="tip" aria-hidden="true">
        {text.map((line) => (
          <span key={line}>{line}</span>
        ))}
      </span>
    </li>
  )
}

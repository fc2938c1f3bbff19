import type { Player } from '../player.ts'
import { SCENARIOS } from '../scenarios.ts'
import { say } from '../text.ts'
import { fill, TEXTS } from '../texts.ts'
import { Chips } from './chips.tsx'
import { ControlsPane } from './controls-pane.tsx'
import { Counters } from './counters.tsx'
import { Details } from './details.tsx'
import { Diagram } from './diagram.tsx'
import { Holders } from './holders.tsx'
import type { PageProps } from './page-props.ts'
import { Phones } from './phones.tsx'
import { TopBar } from './top-bar.tsx'
import { useWidth } from './width.ts'

/** The whole page: phones and controls at the left, what they cause at the right. */
export function App(props: PageProps) {
  const { stage, player, view } = props
  const { isNarrow } = useWidth()
  const isComparing = view.tracks.value.length > 1
  const phones = stage.shown.value.length
  return (
    <div class={`page phones-${Math.min(phones, 2)}`}>
      <TopBar {...props} />
      <main>
        <section class="left">
          <Phones stage={stage} />
          {!isNarrow && <ControlsPane stage={stage} />}
        </section>
        <section class="right">
          <Story player={player} />
          <Chips stage={stage} />
          <div class={`diagrams${isComparing ? ' two' : ''}`}>
            {view.tracks.value.map((track) => (
              <div class="half" key={track}>
                {isComparing && <h2>{say(track === 'ours' ? TEXTS.ours : TEXTS.theirsShort)}</h2>}
                <Diagram rows={view.rowsOf(track)} view={view} stage={stage} isNarrow={isNarrow} />
                {isComparing && <Counters view={view} track={track} />}
              </div>
            ))}
          </div>
          {!isNarrow && (
            <div class="bottom">
              <Details view={view} player={player} />
              <Holders view={view} stage={stage} />
            </div>
          )}
        </section>
      </main>
      {isNarrow && <Sheets {...props} />}
      <div class="notice" role="status" aria-live="polite">
        {view.notice.value}
      </div>
    </div>
  )
}

/** What the story says at the step that is shown; while it is made ready, what its first step will be. */
function Story({ player }: { player: Player }) {
  const { id, steps } = player.scenario.value
  const index = player.step.value
  const isOver = index === steps.length && !player.isBusy.value
  const next = SCENARIOS[SCENARIOS.findIndex((scenario) => scenario.id === id) + 1]
  const number = Math.max(index, 1)
  const step = steps[number - 1]
  return (
    <div class="story" aria-live="polite">
      {step && (
        <>
          <span class="number">{fill(say(TEXTS.stepOf), { n: number, m: steps.length })}</span>
          <p>
            {say(step.say)}{' '}
            {isOver && next && <a href={`#${next.id}`}>{fill(say(TEXTS.nextStory), { title: say(next.title) })}</a>}
          </p>
        </>
      )}
      {player.problem.value && (
        <p class="trouble">
          {say(TEXTS.broken)}
          {player.problem.value}
        </p>
      )}
    </div>
  )
}

/** On a narrow screen controls, details and what everybody holds come from below. */
function Sheets({ stage, view, player }: PageProps) {
  const sheets = {
    controls: { name: TEXTS.controls, content: <ControlsPane stage={stage} /> },
    details: {
      name: view.selected.value ? TEXTS.details : TEXTS.questions,
      content: <Details view={view} player={player} />,
    },
    holders: { name: TEXTS.holdings, content: <Holders view={view} stage={stage} /> },
  }
  const open = view.openSheet.value
  return (
    <>
      <nav class="tabs">
        {(['controls', 'details', 'holders'] as const).map((id) => (
          <button
            key={id}
            type="button"
            aria-expanded={open === id}
            onClick={() => (view.openSheet.value = open === id ? null : id)}
          >
            {say(sheets[id].name)}
          </button>
        ))}
      </nav>
      {open && (
        <section class="sheet" aria-label={say(sheets[open].name)}>
          <button type="button" class="close" onClick={() => (view.openSheet.value = null)}>
            {say(TEXTS.close)}
          </button>
          {sheets[open].content}
        </section>
      )}
    </>
  )
}

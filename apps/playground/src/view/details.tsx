import { toTest } from '../as-test.ts'
import { toMermaid } from '../mermaid.ts'
import type { Player } from '../player.ts'
import type { View } from '../state.ts'
import { say } from '../text.ts'
import { LIFELINE_NAMES, TEXTS } from '../texts.ts'
import { exchangeOf } from '../timeline/exchange.ts'
import { KINDS } from '../timeline/kinds.ts'
import { SOURCE_LINES } from '../timeline/source-lines.ts'
import { Questions } from './questions.tsx'

/** What the selected row is, and what the story can be taken away as. */
export function Details({ view, player }: { view: View; player: Player }) {
  const row = view.selected.value
  return (
    <section class="details" aria-label={say(TEXTS.details)}>
      {row ? <RowDetails view={view} key={row.key} /> : <NoRow view={view} player={player} />}
      <p class="exports">
        <Copy text={() => toTest(player.scenario.value)} view={view} name={say(TEXTS.copyTest)} id="copy-test" />
        <Copy
          text={() => toMermaid(view.rows.value, LIFELINE_NAMES)}
          view={view}
          name={say(TEXTS.copyMermaid)}
          id="copy-mermaid"
        />
        <Copy text={() => location.href} view={view} name={say(TEXTS.copyLink)} id="copy-link" />
      </p>
    </section>
  )
}

/** Beside the tutorial's code there is room for little. */
function NoRow({ view, player }: { view: View; player: Player }) {
  if (view.tracks.value.length > 1) return <p class="hint">{say(TEXTS.chooseRow)}</p>
  return <Questions player={player} />
}

function RowDetails({ view }: { view: View }) {
  const row = view.selected.value
  if (!row) return null
  const kind = KINDS[row.kind]
  const exchange = exchangeOf(row, view.events.value)
  const line = kind.source && SOURCE_LINES[`${kind.source.file} ${kind.source.find}`]
  return (
    <>
      <h2>{say(kind.name)}</h2>
      <p>{say(kind.why)}</p>
      {exchange && (
        <div class="exchange">
          <div>
            <h3>{say(TEXTS.request)}</h3>
            <pre>{exchange.request}</pre>
          </div>
          <div>
            <h3>{say(TEXTS.answer)}</h3>
            <pre>{exchange.answer ?? say(TEXTS.noAnswer)}</pre>
          </div>
        </div>
      )}
      <p class="links">
        {kind.source && line && (
          <a
            href={`playground/source/${kind.source.file.replaceAll('/', '_')}.html#L${line}`}
            target="_blank"
            rel="noreferrer"
          >
            {say(TEXTS.source)}: {kind.source.file.split('/').at(-1)}:{line}
          </a>
        )}
        {kind.wechat && (
          <a href={kind.wechat} target="_blank" rel="noreferrer">
            {say(TEXTS.wechatDocs)}
          </a>
        )}
      </p>
    </>
  )
}

function Copy({ text, view, name, id }: { text: () => string; view: View; name: string; id: string }) {
  const copy = async () => {
    await navigator.clipboard.writeText(text())
    view.notice.value = say(TEXTS.copied)
    setTimeout(() => {
      view.notice.value = ''
    }, 2_000)
  }
  return (
    <button type="button" class="plain" id={id} onClick={() => void copy()}>
      {name}
    </button>
  )
}

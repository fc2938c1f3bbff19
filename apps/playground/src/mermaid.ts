import { say, type Text } from './text.ts'
import { LIFELINES, type Row } from './timeline/row.ts'

/** The diagram as text for mermaid: https://mermaid.js.org/syntax/sequenceDiagram.html */
export function toMermaid(rows: readonly Row[], names: Record<(typeof LIFELINES)[number], Text>): string {
  const lines = ['sequenceDiagram', ...LIFELINES.map((id) => `  participant ${id} as ${say(names[id])}`)]
  for (const row of rows) lines.push(...toLines(row).map((line) => `  ${line}`))
  return `${lines.join('\n')}\n`
}

function toLines({ from, to, label, shape, events, ms, isPending }: Row): string[] {
  const count = events.length > 1 && shape !== 'there-and-back' ? `${events.length} × ` : ''
  // A colon or a semicolon ends the text of a line there; # begins an entity.
  const safe = `${count}${say(label)}`.replaceAll(';', ',').replaceAll('#', '＃')
  const text = ms === null ? safe : `${safe} (${Math.round(ms)} ms)`
  if (shape === 'note') return [`Note over ${from}: ${text}`]
  if (shape === 'cut') return [`Note over ${LIFELINES[0]},${LIFELINES.at(-1)}: ${text}`]
  if (shape === 'lost' || isPending) return [`${from}-x${to}: ${text}`]
  if (shape === 'there-and-back') return [`${from}->>${to}: ${text}`, `${to}-->>${from}: `]
  return [`${from}->>${to}: ${text}`]
}

// `npm run bench -- faults`: this client and published libraries on the same phone, against the same faults. Prints one
// table; with `--write` puts it into README.md. Exits 1 when this client is wrong anywhere.
import { join } from 'node:path'
import { installPeers } from '../peers.ts'
import { showTable } from '../table.ts'
import type { Library, Outcome } from './bed.ts'
import { loadPeers, weappAuth } from './libraries.ts'
import { play, SCENARIOS } from './scenarios.ts'

const libraries = [weappAuth, ...loadPeers(installPeers())]
const { error } = console
// What a library complains about there is in the table already.
console.error = () => {}
const rows = []
for (const scenario of SCENARIOS) {
  process.stderr.write(`${scenario.name} ...\n`)
  const cells = []
  for (const library of libraries) {
    const isPlayable = !(library.hasGlobalWx && scenario.phones)
    cells.push(isPlayable ? await play(scenario, library) : null)
  }
  rows.push({ scenario, cells })
}
console.error = error

const table = markdown(libraries, rows)
showTable(table, join(import.meta.dirname, 'README.md'))
const wrong = rows.filter(({ cells }) => !cells[0]?.isRight)
for (const { scenario } of wrong) process.stderr.write(`wrong here: ${scenario.name}\n`)
process.exitCode = wrong.length === 0 ? 0 : 1

type Cell = Outcome & { isRight: boolean }

function markdown(
  all: readonly Library[],
  lines: { scenario: (typeof SCENARIOS)[number]; cells: (Cell | null)[] }[],
): string {
  const head = ['fault', 'right is', ...all.map(({ name, version }) => `${name} ${version}`)]
  const body = lines.map(({ scenario, cells }) => [scenario.name, scenario.right, ...cells.map(describe)])
  const score = all.map((_, n) => {
    const played = lines.flatMap(({ cells }) => cells[n] ?? [])
    return `${played.filter(({ isRight }) => isRight).length} of ${played.length}`
  })
  const shape = [head, head.map(() => '---'), ...body, ['right', '', ...score]]
  return shape.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Logins, codes sent, then what became of the calls. */
function describe(cell: Cell | null): string {
  if (!cell) return 'not played'
  const { isRight, logins, exchanges, ok, failed, pending, errors } = cell
  const calls = [ok && `${ok} ok`, failed && `${failed} failed`, pending && `**${pending} pending**`].filter(Boolean)
  const why = errors.map((text) => `\`${text.replaceAll('|', ' ').replaceAll('`', '')}\``).join(' ')
  return `${isRight ? 'yes' : '**no**'}: ${logins} / ${exchanges}, ${calls.join(', ')} ${why}`.trim()
}

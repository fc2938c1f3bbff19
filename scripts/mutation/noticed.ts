// The changes that were noticed before, so that a run can be cut in parts and made again after tests were added.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../root.ts'
import type { Change } from './instrument.ts'
import type { Outcomes } from './plan.ts'
import { nameOf } from './report.ts'

const FILE = join(ROOT, '.cache', 'mutation', 'noticed.json')

/** Those of `changes` that an earlier run has noticed, as far as their lines still stand as they did. */
export function readNoticed(changes: readonly Change[]): Outcomes {
  const noticed = new Set(existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as string[]) : [])
  const found = named(changes).filter(([name]) => noticed.has(name))
  return Object.fromEntries(found.map(([, id]) => [id, 'noticed']))
}

/** Adds what this run has noticed. */
export function writeNoticed(changes: readonly Change[], outcomes: Outcomes): void {
  const before: string[] = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : []
  const now = named(changes).filter(([, id]) => outcomes[id] === 'noticed')
  mkdirSync(dirname(FILE), { recursive: true })
  writeFileSync(FILE, `${JSON.stringify([...new Set([...before, ...now.map(([name]) => name)])], null, 1)}\n`)
}

/** Equal changes of equal lines are told apart by their order in the file. */
function named(changes: readonly Change[]): [name: string, id: string][] {
  const counts = new Map<string, number>()
  return changes.map((change) => {
    const name = nameOf(change)
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return [`${name} | ${count}`, change.id]
  })
}

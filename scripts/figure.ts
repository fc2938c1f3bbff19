import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.ts'

/** A sentence of a document with figures in it. */
export interface Figure {
  /** From the root. */
  file: string
  /** As it stands there, with `{name}` for each figure. */
  sentence: string
  values: Record<string, string>
  /** How far a stated figure may be from the true one. Default 0. */
  tolerance?: number
}

/** Where the committed results of the benchmarks are. */
export const RESULTS = join(ROOT, 'apps/server/bench/results')

/** What a benchmark has measured, from its committed result. */
export function readResult<T>(name: string, folder = RESULTS): T {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as T
}

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

/** What a benchmark has measured, from its committed result. */
export function readResult<T>(name: string): T {
  return JSON.parse(readFileSync(join(ROOT, 'apps/server/bench/results', `${name}.json`), 'utf8')) as T
}

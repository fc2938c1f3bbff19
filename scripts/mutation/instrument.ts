import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installOnDemand } from '../on-demand.ts'
import { ROOT } from '../root.ts'
import { type NodePath, whyIgnored } from './words.ts'

/** A small change of the code. */
export interface Change {
  id: string
  /** `packages/client/src/url.ts`. */
  file: string
  line: number
  /** The line as it stands. */
  source: string
  /** The kind of change, and what stands there instead. */
  change: string
}

/** Sources that hold all their changes, each behind a switch: `globalThis.__stryker__.activeMutant` says which one counts. */
export interface Instrumented {
  changes: Change[]
  /** The code by the path of its file. */
  code: Record<string, string>
}

interface Instrumenter {
  instrument(
    files: { name: string; mutate: true; content: string }[],
    options: {
      plugins: null
      excludedMutations: string[]
      ignorers: { shouldIgnore(path: NodePath): string | undefined }[]
    },
  ): Promise<{
    files: { name: string; content: string }[]
    mutants: {
      id: string
      fileName: string
      mutatorName: string
      replacement: string
      /** Set where an ignorer has said why the change is not made. */
      status?: string
      location: { start: { line: number } }
    }[]
  }>
}

const LOG = { isDebugEnabled: () => false, debug() {}, info() {} }

/**
 * Puts changes into files, by the instrumenter of Stryker, which is installed on demand. No file is written.
 *
 * @see https://stryker-mutator.io/docs/mutation-testing-elements/supported-mutators
 */
export async function instrument(files: readonly string[]): Promise<Instrumented> {
  const folder = installOnDemand('stryker', { '@stryker-mutator/instrumenter': '10.1.1' })
  const main = join(folder, 'node_modules/@stryker-mutator/instrumenter/dist/src/index.js')
  const stryker = (await import(pathToFileURL(main).href)) as { Instrumenter: new (log: object) => Instrumenter }
  const sources = files.map((file) => ({
    name: join(ROOT, file),
    mutate: true as const,
    content: readFileSync(join(ROOT, file), 'utf8'),
  }))
  const options = { plugins: null, excludedMutations: [], ignorers: [{ shouldIgnore: whyIgnored }] }
  const { files: written, mutants } = await new stryker.Instrumenter(LOG).instrument(sources, options)
  const lines = new Map(sources.map(({ name, content }) => [name, content.split('\n')]))
  return {
    code: Object.fromEntries(written.map(({ name, content }) => [name, content])),
    changes: mutants
      .filter(({ status }) => status === undefined)
      .map(({ id, fileName, mutatorName, replacement, location: { start } }) => ({
        id,
        file: relative(ROOT, fileName),
        line: start.line + 1,
        source: lines.get(fileName)?.[start.line]?.trim() ?? '',
        change: `${mutatorName}: ${replacement.replaceAll(/\s+/g, ' ')}`,
      })),
  }
}

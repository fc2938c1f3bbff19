import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installOnDemand } from '../on-demand.ts'
import { ROOT } from '../root.ts'
import { createQueryMutator, type Edit, type QueryMutator } from './queries.ts'
import { type NodePath, runsAtImport, whyIgnored } from './words.ts'

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
  /** Where the change is in the text of the file, and what stands there instead. */
  edit: Edit
  /** Whether it is in code that only runs while its module is imported. */
  isAtImport: boolean
}

/** Sources that hold all their changes, each behind a switch: `globalThis.__stryker__.activeMutant` says which one counts. */
export interface Instrumented {
  changes: Change[]
  /** The code by the path of its file. */
  code: Record<string, string>
}

/** Lines and columns are counted from 0. */
interface Place {
  line: number
  column: number
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
      location: { start: Place; end: Place }
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
  const load = (path: string) =>
    import(pathToFileURL(join(folder, 'node_modules/@stryker-mutator/instrumenter/dist/src', path)).href)
  const stryker = (await load('index.js')) as { Instrumenter: new (log: object) => Instrumenter }
  const { allMutators } = (await load('mutators/index.js')) as { allMutators: Pick<QueryMutator, 'name' | 'mutate'>[] }
  const queries = createQueryMutator()
  allMutators.push(queries)
  const sources = files.map((file) => ({
    name: join(ROOT, file),
    mutate: true as const,
    content: readFileSync(join(ROOT, file), 'utf8'),
  }))
  // Stryker asks about each node of the first file, then about those of the second.
  const atImport: Set<string>[] = []
  const shouldIgnore = (path: NodePath) => {
    if (path.node.type === 'Program') atImport.push(new Set())
    if (path.node.loc && runsAtImport(path)) atImport.at(-1)?.add(placeOf(path.node.loc))
    return whyIgnored(path)
  }
  const options = { plugins: null, excludedMutations: [], ignorers: [{ shouldIgnore }] }
  const { files: written, mutants } = await new stryker.Instrumenter(LOG).instrument(sources, options)
  const isAtImport = (name: string, line: number, column: number) =>
    atImport[sources.findIndex((source) => source.name === name)]?.has(placeOf({ start: { line: line + 1, column } }))
  const contents = new Map(sources.map(({ name, content }) => [name, content]))
  return {
    code: Object.fromEntries(written.map(({ name, content }) => [name, content])),
    changes: mutants
      .filter(({ status }) => status === undefined)
      .map(({ id, fileName, mutatorName, replacement, location: { start, end } }) => {
        const content = contents.get(fileName) ?? ''
        const query = queries.findEdit(mutatorName)
        const edit = query ?? { start: offsetOf(content, start), end: offsetOf(content, end), by: replacement }
        const line = content.slice(0, edit.start).split('\n').length
        return {
          id,
          file: relative(ROOT, fileName),
          line,
          source: content.split('\n')[line - 1]?.trim() ?? '',
          change: (query ? toWords(content, query) : `${mutatorName}: ${replacement}`).replaceAll(/\s+/g, ' '),
          edit,
          isAtImport: isAtImport(fileName, start.line, start.column) === true,
        }
      }),
  }
}

function toWords(content: string, { start, end, by }: Edit): string {
  const text = content.slice(start, end)
  return by === '' ? `Query: without ${text}` : `Query: ${by} instead of ${text}`
}

function offsetOf(content: string, { line, column }: Place): number {
  return content.split('\n', line).reduce((sum, { length }) => sum + length + 1, column)
}

function placeOf({ start }: { start: { line: number; column: number } }): string {
  return `${start.line}:${start.column}`
}

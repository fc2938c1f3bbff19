// Which code each committed result of a benchmark is about, and whether that code has changed since it was measured.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { RESULTS, readResult } from './figure.ts'
import { ROOT } from './root.ts'

const SESSIONS = 'packages/fastify/src/sessions'
const GUARD = [SESSIONS, 'packages/fastify/src/http/plugins/authenticate.ts']
const SIGN_IN = [SESSIONS, 'packages/fastify/src/users', 'packages/fastify/src/http/routes/sessions.ts']

/** What is measured: files, and folders with everything in them. */
const MEASURED: Record<string, readonly string[]> = {
  disk: ['packages/fastify/src/users/migrations'],
  guard: GUARD,
  profile: GUARD,
  memory: [SESSIONS],
  scale: [SESSIONS],
  'sign-in': SIGN_IN,
  sockets: [SESSIONS, 'packages/fastify/src/sockets'],
  storm: [...SIGN_IN, 'packages/client/src'],
}

/** A result that was measured with other code than there is now. */
export interface Outdated {
  result: string
  measuredAtMs: number
  /** The files and folders that have changed since. */
  changed: string[]
}

interface Measurement {
  measuredAt: string
  /** The digest of each file or folder that was measured. */
  code?: Record<string, string>
}

/** The results whose code has changed since, or that do not say which code they measured. */
export async function findOutdated(folder = RESULTS): Promise<Outdated[]> {
  const found: Outdated[] = []
  for (const [result, paths] of Object.entries(MEASURED)) {
    const { measuredAt, code = {} } = readResult<Measurement>(result, folder)
    const now = await digestsOf(paths)
    const changed = paths.filter((path) => code[path] !== now[path])
    if (changed.length > 0) found.push({ result, measuredAtMs: Date.parse(measuredAt), changed })
  }
  return found
}

/** One line for each outdated result. */
export function describeOutdated(outdated: readonly Outdated[]): string[] {
  return outdated.map(({ result, measuredAtMs, changed }) => {
    const day = new Date(measuredAtMs).toISOString().slice(0, 10)
    return `results/${result}.json is of ${day}, before a change of ${changed.join(' and ')}\n`
  })
}

/**
 * Runs a benchmark, then notes in each result it has written which code was measured (the code as it was before the run), and in
 * its table on which day.
 */
export async function noteCode(runBenchmark: () => Promise<unknown>, folder = RESULTS): Promise<void> {
  const startedMs = Date.now()
  const before = new Map<string, Record<string, string>>()
  for (const [result, paths] of Object.entries(MEASURED)) before.set(result, await digestsOf(paths))
  await runBenchmark()
  for (const [result, code] of before) {
    const { measuredAt, ...rest } = readResult<Measurement>(result, folder)
    if (Date.parse(measuredAt) < startedMs) continue
    writeFileSync(join(folder, `${result}.json`), `${JSON.stringify({ measuredAt, ...rest, code }, null, 2)}\n`)
    const table = join(folder, `${result}.md`)
    writeFileSync(table, `Measured on ${measuredAt.slice(0, 10)}.\n\n${readFileSync(table, 'utf8')}`)
  }
}

/** A digest for each of these files and folders below `root`. */
export async function digestsOf(paths: readonly string[], root = ROOT): Promise<Record<string, string>> {
  const digests: Record<string, string> = {}
  for (const path of paths) digests[path] = await digestOf(join(root, path))
  return digests
}

/** Of what the compiler leaves of the code: comments, types and line breaks are not measured. */
async function digestOf(path: string): Promise<string> {
  const isFolder = statSync(path).isDirectory()
  const files = isFolder ? readdirSync(path, { recursive: true, encoding: 'utf8' }).sort() : ['']
  const hash = createHash('sha256')
  for (const file of files.filter((name) => !isFolder || name.endsWith('.ts'))) {
    const source = readFileSync(join(path, file), 'utf8')
    const { code } = await transform(source, { loader: 'ts', minifyWhitespace: true, legalComments: 'none' })
    hash.update(`${file}\n${code}\n`)
  }
  return hash.digest('hex').slice(0, 16)
}

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { runTool, STOP_SIGNALS } from '../tool.ts'
import type { Instrumented } from './instrument.ts'
import {
  type Coverage,
  moveOutside,
  type Outcomes,
  type Plan,
  planImport,
  planReplay,
  planRest,
  planTimeouts,
  type Replayed,
  type ReplayPlan,
} from './plan.ts'
import { createProgress } from './progress.ts'

const FOLDER = join(ROOT, '.cache', 'mutation')
const CODE = join(FOLDER, 'code.json')
const PLAN = join(FOLDER, 'plan.json')
const RESULT = join(FOLDER, 'result.json')
const CONFIG = join(FOLDER, 'vitest.config.mjs')

/** How the tests of one side run. */
export interface RunOptions {
  /** Random schedules for each change: the other tests say more about one change. */
  schedules: number
  needsServers: boolean
  /** The tests that a change is shown to after the dozen that are most about it. */
  others: 'none' | 'some' | 'all'
}

/** Changes of what runs at import for one process: all that it imports for them stays in its memory. */
const BATCH = 40

const PROGRESS_EVERY_MS = 30_000
/**
 * A process that has not gone on to another change for so long never will: the change has made a loop without an end. At import, a
 * change is shown to whole files.
 */
const STANDSTILL_MS = { cover: Number.POSITIVE_INFINITY, replay: 60_000, import: 300_000 }

/**
 * Makes each change of `ids` and runs `tests` on it until one fails.
 *
 * @param outcomes gets what became of each change; what no test runs has no outcome
 * @throws Error when the tests ended before all changes were tried; `outcomes` has what was found until then
 */
export async function tryChanges(
  { code, changes }: Instrumented,
  ids: readonly string[],
  tests: readonly string[],
  options: RunOptions,
  outcomes: Outcomes,
): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(CODE, JSON.stringify(code))
  writeFileSync(CONFIG, configOf(options))
  process.stderr.write(`${ids.length} changes, ${tests.length} test files: twice without a change ...\n`)
  const seen = await vitest<Coverage>({ step: 'cover', tests: tests.map((test) => join(ROOT, test)) }, options)
  if (!seen) throw new Error('the tests could not be run without a change: run them once with vitest')
  for (const test of seen.failed) process.stderr.write(`left out, because it fails without a change: ${test}\n`)
  const changeOf = new Map(changes.map((change) => [change.id, change]))
  const coverage = moveOutside(seen, (id) => changeOf.get(id)?.isAtImport === true)
  const left = () => ids.filter((id) => outcomes[id] !== 'noticed')
  const sourceOf = (id: string) => changeOf.get(id)?.file
  const timeoutsMs = planTimeouts(coverage)
  const replay = async (which: Parameters<typeof planReplay>[2]) => {
    let rest = planReplay(left(), coverage, which, sourceOf)
    while (Object.keys(rest).length > 0) {
      const replayed = await run({ step: 'replay', tests: rest, timeoutsMs, hits: coverage.hits }, options, outcomes)
      rest = planRest(replayed.isDone ? {} : rest, replayed)
    }
  }
  await replay('closest')
  if (options.others !== 'none') await replay(options.others === 'all' ? 'all others' : 'others')
  let imports = Object.entries(planImport(left(), coverage, sourceOf))
  while (imports.length > 0) {
    const batch = Object.fromEntries(imports.slice(0, BATCH))
    const { isDone } = await run({ step: 'import', changes: batch }, options, outcomes)
    imports = imports.filter(([id]) => !(id in batch) || (!isDone && outcomes[id] === undefined))
  }
  // A module that a test loads on demand is loaded only once in a process, so each change of such a module needs its own process.
  const onDemand = new Set(Object.values(seen.tests).flat())
  const alone = Object.entries(planImport(left(), coverage, sourceOf)).filter(([id]) => onDemand.has(id))
  for (const [id, files] of alone) {
    await run({ step: 'import', changes: { [id]: files }, failed: seen.failed }, options, outcomes)
  }
}

/**
 * Prints how far it is each half minute.
 *
 * @throws Error when the run was stopped, and when the process ended, or stood still, before it made a change
 */
async function run(plan: ReplayPlan, options: RunOptions, outcomes: Outcomes): Promise<Replayed> {
  const total = new Set(plan.step === 'replay' ? Object.values(plan.tests).flat() : Object.keys(plan.changes)).size
  const progressOf = createProgress(total)
  const tell = (replayed: Replayed | null) => process.stderr.write(`${progressOf(replayed?.outcomes ?? {})}\n`)
  const telling = setInterval(() => tell(readResult()), PROGRESS_EVERY_MS)
  try {
    const replayed = await vitest<Replayed>(plan, options)
    tell(replayed)
    if (!replayed) throw new Error('the tests could not be run')
    for (const test of 'failed' in plan ? [] : replayed.failed)
      process.stderr.write(`says nothing, because it fails without a change: ${test}\n`)
    const { last, isDone } = replayed
    const isCutOff = !isDone && (isStopped || last === null)
    // It has ended the process, or has made it stand still.
    if (!isDone && !isCutOff && last !== null) replayed.outcomes[last] = 'noticed'
    for (const [id, outcome] of Object.entries(replayed.outcomes)) {
      // When a run is cut off, the changes that no test has noticed were not yet shown to all of their tests.
      if (outcomes[id] !== 'noticed' && (outcome === 'noticed' || !isCutOff)) outcomes[id] = outcome
    }
    if (isCutOff) throw new Error('the tests ended before all changes were tried')
    return replayed
  } finally {
    clearInterval(telling)
  }
}

/** Whether the person who started this run has stopped it. Then the process did not end because of a change. */
let isStopped = false

async function vitest<Result>(plan: Plan, { schedules }: RunOptions): Promise<Result | null> {
  writeFileSync(PLAN, JSON.stringify(plan))
  rmSync(RESULT, { force: true })
  // A promise that the changed code leaves alone is no news.
  Object.assign(process.env, { NODE_NO_WARNINGS: '1' })
  Object.assign(process.env, { WEAPP_AUTH_PLAN: PLAN, WEAPP_AUTH_PLAN_RESULT: RESULT, WEAPP_AUTH_RUNS: `${schedules}` })
  const standstill = new AbortController()
  const watching = setInterval(() => {
    if (existsSync(RESULT) && Date.now() - statSync(RESULT).mtimeMs > STANDSTILL_MS[plan.step]) standstill.abort()
  }, 5_000)
  const stop = () => {
    isStopped = true
  }
  for (const signal of STOP_SIGNALS) process.on(signal, stop)
  // It fails where a change was noticed. What counts is the result.
  await runTool('vitest', ['run', '--config', CONFIG, '--root', ROOT], { stdout: 'stderr', signal: standstill.signal })
  for (const signal of STOP_SIGNALS) process.off(signal, stop)
  clearInterval(watching)
  return readResult()
}

function readResult<Result>(): Result | null {
  return existsSync(RESULT) ? (JSON.parse(readFileSync(RESULT, 'utf8')) as Result) : null
}

/** The changed code takes the place of the files when vitest loads them, so that nobody finds it in a file later. */
function configOf({ needsServers }: RunOptions): string {
  const setup = needsServers ? [join(ROOT, 'packages/test-servers/src/global-setup.ts')] : []
  return `import { readFileSync } from 'node:fs'
const code = JSON.parse(readFileSync(${JSON.stringify(CODE)}, 'utf8'))
export default {
  plugins: [{ name: 'changed-code', enforce: 'pre', load: (id) => code[id] }],
  resolve: { alias: [{ find: /^@weapp-auth\\/fastify$/, replacement: ${JSON.stringify(join(ROOT, 'packages/fastify/src/index.ts'))} }] },
  test: {
    include: ['scripts/mutation/replay.ts'],
    setupFiles: [${JSON.stringify(join(ROOT, 'packages/test-servers/src/restore-globals.ts'))}],
    globalSetup: ${JSON.stringify(setup)},
    // What is loaded for a file is not what the file says.
    fsModuleCache: false,
    pool: 'threads',
    maxWorkers: 1,
    unstubGlobals: true,
    testTimeout: 15_000,
    hookTimeout: 15_000,
    expect: { poll: { timeout: 5_000 } },
    reporters: [{ onTestRunEnd() {} }],
  },
}
`
}

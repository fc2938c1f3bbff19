import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { runTool } from '../tool.ts'
import type { Instrumented } from './instrument.ts'
import {
  type Coverage,
  type Outcomes,
  type Plan,
  planImport,
  planReplay,
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
  /** Runs only the dozen tests that are most about a change. */
  isQuick?: boolean | undefined
}

/** Changes of what runs at import for one process: all that it imports for them stays in its memory. */
const BATCH = 100

const PROGRESS_EVERY_MS = 30_000

/**
 * Makes each change of `ids` and runs `tests` on it until one fails.
 *
 * @param outcomes gets what became of each change; what no test runs has no outcome
 * @throws Error when the tests ended before all changes were tried; `outcomes` has what was found until then
 */
export async function tryChanges(
  { code }: Instrumented,
  ids: readonly string[],
  tests: readonly string[],
  options: RunOptions,
  outcomes: Outcomes,
): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(CODE, JSON.stringify(code))
  writeFileSync(CONFIG, configOf(options))
  process.stderr.write(`${ids.length} changes, ${tests.length} test files: once without a change ...\n`)
  const coverage = await vitest<Coverage>({ step: 'cover', tests: tests.map((test) => join(ROOT, test)) }, options)
  if (!coverage) throw new Error('the tests could not be run without a change: run them once with vitest')
  for (const test of coverage.failed) process.stderr.write(`left out, because it fails without a change: ${test}\n`)
  const run = (plan: ReplayPlan) => replay(plan, options, outcomes)
  const left = () => ids.filter((id) => outcomes[id] !== 'noticed')
  const timeoutsMs = planTimeouts(coverage)
  await run({ step: 'replay', tests: planReplay(left(), coverage, 'closest'), timeoutsMs })
  const { changes, files } = planImport(left(), coverage)
  for (let from = 0; from < changes.length; from += BATCH) {
    await run({ step: 'import', changes: changes.slice(from, from + BATCH), files })
  }
  if (!options.isQuick) await run({ step: 'replay', tests: planReplay(left(), coverage, 'others'), timeoutsMs })
}

/** Prints how far it is each half minute. */
async function replay(plan: ReplayPlan, options: RunOptions, outcomes: Outcomes): Promise<void> {
  const total = new Set(Object.values(plan.step === 'replay' ? plan.tests : plan.changes).flat()).size
  if (total === 0) return
  const progressOf = createProgress(total)
  const tell = (replayed: Replayed | null) => process.stderr.write(`${progressOf(replayed?.outcomes ?? {})}\n`)
  const telling = setInterval(() => tell(readResult()), PROGRESS_EVERY_MS)
  try {
    const replayed = await vitest<Replayed>(plan, options)
    tell(replayed)
    const { outcomes: found = {}, failed = [], isDone = false } = replayed ?? {}
    for (const test of failed) process.stderr.write(`does not count, because it fails when it is run again: ${test}\n`)
    // A process that was killed has not shown the others to all of their tests.
    Object.assign(
      outcomes,
      isDone ? found : Object.fromEntries(Object.entries(found).filter(([, each]) => each === 'noticed')),
    )
    if (!isDone) throw new Error('the tests ended before all changes were tried')
  } finally {
    clearInterval(telling)
  }
}

async function vitest<Result>(plan: Plan, { schedules }: RunOptions): Promise<Result | null> {
  writeFileSync(PLAN, JSON.stringify(plan))
  rmSync(RESULT, { force: true })
  // A promise that the changed code leaves alone is no news.
  Object.assign(process.env, { NODE_NO_WARNINGS: '1' })
  Object.assign(process.env, { WEAPP_AUTH_PLAN: PLAN, WEAPP_AUTH_PLAN_RESULT: RESULT, WEAPP_AUTH_RUNS: `${schedules}` })
  // It fails where a change was noticed. What counts is the result.
  await runTool('vitest', ['run', '--config', CONFIG, '--root', ROOT], 'stderr')
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

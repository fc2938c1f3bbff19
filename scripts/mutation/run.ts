import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { runTool } from '../tool.ts'
import type { Instrumented } from './instrument.ts'
import { type Coverage, type Outcomes, type Plan, planReplay, type Trial } from './plan.ts'
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
}

/** Changes for one process: all that it imports for them stays in its memory. */
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
  for (let round = 0; ; round++) {
    const trials = planReplay(
      ids.filter((id) => outcomes[id] !== 'noticed'),
      coverage,
      round,
    )
    if (trials.length === 0) return
    await replayAll(trials, options, outcomes)
  }
}

/** Prints how far it is each half minute. */
async function replayAll(trials: readonly Trial[], options: RunOptions, outcomes: Outcomes): Promise<void> {
  const progressOf = createProgress(trials.length)
  const found: Outcomes = {}
  const tell = (more: Outcomes | null) => process.stderr.write(`${progressOf({ ...found, ...more })}\n`)
  const telling = setInterval(() => tell(readResult()), PROGRESS_EVERY_MS)
  try {
    for (let from = 0; from < trials.length; from += BATCH) {
      const changes = trials.slice(from, from + BATCH)
      Object.assign(found, await vitest<Outcomes>({ step: 'replay', changes }, options))
      Object.assign(outcomes, found)
      // A process that was killed has not tried all of them.
      const missing = trials.slice(0, from + BATCH).filter(({ id }) => !found[id]).length
      if (missing > 0) throw new Error(`the tests ended before ${missing} of ${changes.length} changes were tried`)
    }
  } finally {
    clearInterval(telling)
    tell(null)
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

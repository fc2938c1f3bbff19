import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { runTool } from '../tool.ts'
import type { Instrumented } from './instrument.ts'
import { type Coverage, type Outcomes, type Plan, planReplay } from './plan.ts'

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

/** Makes each change of `ids` and runs `tests` on it. What no test runs has no outcome. */
export async function tryChanges(
  { code }: Instrumented,
  ids: readonly string[],
  tests: readonly string[],
  options: RunOptions,
): Promise<Outcomes> {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(CODE, JSON.stringify(code))
  writeFileSync(CONFIG, configOf(options))
  const coverage = await vitest<Coverage>({ step: 'cover', tests: tests.map((test) => join(ROOT, test)) }, options)
  if (!coverage) throw new Error('the tests could not be run without a change: run them once with vitest')
  for (const test of coverage.failed) process.stderr.write(`left out, because it fails without a change: ${test}\n`)
  return (await vitest<Outcomes>(planReplay(ids, coverage), options)) ?? {}
}

async function vitest<Result>(plan: Plan, { schedules }: RunOptions): Promise<Result | null> {
  writeFileSync(PLAN, JSON.stringify(plan))
  rmSync(RESULT, { force: true })
  // A promise that the changed code leaves alone is no news.
  Object.assign(process.env, { NODE_NO_WARNINGS: '1' })
  Object.assign(process.env, { WEAPP_AUTH_PLAN: PLAN, WEAPP_AUTH_PLAN_RESULT: RESULT, WEAPP_AUTH_RUNS: `${schedules}` })
  // It fails where a change was noticed. What counts is the result.
  await runTool('vitest', ['run', '--config', CONFIG, '--root', ROOT], 'stderr')
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

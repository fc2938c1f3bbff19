// `npm run mutate -- client|server [files [tests]]`: changes the code in many small ways and counts which changes the tests notice.
// The client takes about ten minutes, the server side hours; `files` chooses some, as `packages/fastify/src/sessions/*.ts`, and
// `tests` the tests that run for them.
// Stryker is installed on demand and not with the project. It works on the sources in place and puts them back: commit first.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readMutants, report } from '../mutants.ts'
import { installOnDemand } from '../on-demand.ts'
import { ROOT } from '../root.ts'
import { build } from './build.ts'

/** The runner finds the project's own vitest. */
const STRYKER = { '@stryker-mutator/core': '10.1.1', '@stryker-mutator/vitest-runner': '10.1.1' }
const FOLDER = join(ROOT, '.cache', 'stryker')
const RESULTS = join(FOLDER, 'mutation.json')
/** Of the changes in code that the tests run. */
const THRESHOLD_PERCENT = 90

interface Side {
  /** The sources to change. */
  mutate: string[]
  tests: string[]
  /** Tests that read or start what was built: a change lives in the sources, so these cannot see it. */
  withoutTests: string[]
  /** Random schedules for each change: the other tests say more about one change. */
  runs: number
  needsServers: boolean
}

const SIDES: Record<string, Side> = {
  client: {
    mutate: [
      'packages/client/src/{session,session-key,state,session-check,pipeline,login,deadline,task,storage,service,url,socket,events}.ts',
    ],
    tests: ['packages/client/test/*.test.ts'],
    withoutTests: ['**/{build,docs,faults,migrate,samples}.test.ts'],
    runs: 60,
    needsServers: false,
  },
  server: {
    mutate: ['packages/fastify/src/**/*.ts', 'apps/server/src/*.ts', '!**/index.ts', '!**/*texts.ts'],
    tests: ['packages/fastify/test/**/*.test.ts', 'apps/server/test/*.test.ts'],
    withoutTests: ['**/{main,instances,outages,readme,walkthrough}.test.ts'],
    runs: 60,
    needsServers: true,
  },
}

const [name = '', files, tests] = process.argv.slice(2)
const side = Object.hasOwn(SIDES, name) ? SIDES[name] : undefined
if (!side) {
  process.stderr.write('weapp-auth: which side? npm run mutate -- client, or npm run mutate -- server [files]\n')
  process.exit(1)
}

await build()
installOnDemand('stryker', STRYKER)
const vitestConfig = join(ROOT, 'vitest.mutation.config.mjs')
const config = join(FOLDER, 'config.json')
writeFileSync(
  vitestConfig,
  `export default ${JSON.stringify({ test: testOptions(tests ? { ...side, tests: tests.split(',') } : side) }, null, 2)}\n`,
)
writeFileSync(
  config,
  JSON.stringify({
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: vitestConfig },
    mutate: files ? files.split(',') : side.mutate,
    coverageAnalysis: 'perTest',
    inPlace: true,
    tempDirName: '.cache/stryker/temp',
    concurrency: 2,
    timeoutMS: 8_000,
    // The first run, of all tests, on a machine that is busy.
    dryRunTimeoutMinutes: 30,
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: RESULTS },
  }),
)
rmSync(RESULTS, { force: true })
try {
  const env = { ...process.env, WEAPP_AUTH_RUNS: String(side.runs) }
  run(join(FOLDER, 'node_modules', '.bin', 'stryker'), ['run', config], env)
} finally {
  rmSync(vitestConfig, { force: true })
}
if (existsSync(RESULTS)) {
  const explained = JSON.parse(readFileSync(join(ROOT, 'scripts', 'survivors.json'), 'utf8')) as Record<string, string>
  const { text, isGood } = report(readMutants(readFileSync(RESULTS, 'utf8')), explained, THRESHOLD_PERCENT)
  process.stdout.write(text)
  if (!isGood) process.exitCode = 1
}

function testOptions({ tests, withoutTests, needsServers }: Side): object {
  return {
    include: tests,
    exclude: [...withoutTests, '**/*.long.test.ts', '**/node_modules/**'],
    testTimeout: 30_000,
    ...(needsServers && { globalSetup: ['packages/test-servers/src/global-setup.ts'] }),
  }
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env })
  if (status !== 0) process.exitCode = status ?? 1
}

// `npm run mutate`: changes the client's code in some hundreds of small ways and counts which the tests notice. About ten
// minutes. Stryker is installed on demand and not with the project. It works on the sources in place and puts them back:
// commit first.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { build } from './build.ts'

const STRYKER = ['@stryker-mutator/core@10.1.1', '@stryker-mutator/vitest-runner@10.1.1']
const FOLDER = join(ROOT, '.cache', 'stryker')
const FILES = process.argv[2] ?? '{session,pipeline,login,deadline,task,storage,service,url,socket,events}'
const THRESHOLD_PERCENT = 90

/** Without the servers, the second engine and what reads the built file: a mutant lives in the sources. */
const VITEST_CONFIG = `export default {
  test: {
    include: ['packages/client/test/*.test.ts'],
    exclude: ['**/{build,docs,faults,migrate}.test.ts'],
    testTimeout: 10_000,
  },
}
`

await build(['packages/emulator'])
if (!existsSync(join(FOLDER, 'node_modules'))) {
  process.stderr.write(`installing ${STRYKER.join(' and ')} ...\n`)
  mkdirSync(FOLDER, { recursive: true })
  // The runner is to find the project's own vitest, not one of its own.
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', '--no-save', '--loglevel=error']
  run('npm', ['install', '--prefix', FOLDER, ...quiet, ...STRYKER], process.env)
}
const vitestConfig = join(ROOT, 'vitest.mutation.config.mjs')
const config = join(FOLDER, 'config.json')
writeFileSync(vitestConfig, VITEST_CONFIG)
writeFileSync(
  config,
  JSON.stringify({
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: vitestConfig },
    mutate: [`packages/client/src/${FILES}.ts`],
    coverageAnalysis: 'perTest',
    inPlace: true,
    tempDirName: '.cache/stryker/temp',
    concurrency: 2,
    timeoutMS: 8_000,
    thresholds: { high: 95, low: THRESHOLD_PERCENT, break: THRESHOLD_PERCENT },
    reporters: ['clear-text', 'progress-append-only'],
    clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
  }),
)
try {
  // Few schedules for each mutant: the other tests say more about one change.
  run(join(FOLDER, 'node_modules', '.bin', 'stryker'), ['run', config], { ...process.env, WEAPP_AUTH_RUNS: '60' })
} finally {
  rmSync(vitestConfig, { force: true })
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env })
  if (status !== 0) process.exitCode = status ?? 1
}

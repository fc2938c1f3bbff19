import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'

const OLD_ENGINE_CLIENT = join(import.meta.dirname, 'packages/client/test/old-engine/index.ts')
const EVERYTHING = ['{packages,apps}/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts']
/** What takes long by its nature: whole races, failovers, browsers, other languages. `npm run test:long` runs them. */
const LONG = '**/*.long.test.ts'

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'here', include: EVERYTHING, exclude: [...configDefaults.exclude, LONG] } },
      { extends: true, test: { name: 'long', include: [`{packages,apps,scripts}/${LONG}`] } },
      {
        // The client once more: the built file, on an engine whose promises are timers and have no `finally`.
        extends: true,
        resolve: { alias: [{ find: /^\.\.\/src\/index\.ts$/, replacement: OLD_ENGINE_CLIENT }] },
        test: {
          name: 'old engine',
          include: ['packages/client/test/*.test.ts'],
          exclude: ['**/{build,samples}.test.ts', LONG],
          // Every `then` takes a millisecond there, so it plays a tenth of the schedules.
          env: { WEAPP_AUTH_RUNS: process.env.WEAPP_AUTH_RUNS ?? '200' },
        },
      },
    ],
    globalSetup: ['packages/test-servers/src/global-setup.ts'],
    // miniprogram-simulate needs `forks` or `threads`; threads start faster.
    pool: 'threads',
    // Most files wait for processes and timers, so more workers than cores keep the cores busy.
    maxWorkers: 2 * availableParallelism(),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A wait ends when what it waits for is there; the limit is for a machine that is busy with something else.
    expect: { poll: { timeout: 15_000 } },
    reporters: ['default'],
  },
})

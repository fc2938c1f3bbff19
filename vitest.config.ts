import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'

const OLD_ENGINE_CLIENT = join(import.meta.dirname, 'packages/client/test/old-engine/index.ts')
/** What takes long by its nature: whole races, outages, browsers, other languages. `npm run test:long` runs them. */
const LONG = '**/*.long.test.ts'
/** The ids of events only go up in one process, and these tests make old ones: a file must not share that with others. */
const EVENTS = 'packages/fastify/test/events/*.test.ts'
/** Servers are broken in these, or several processes keep both cores busy, while times are measured: nothing else runs beside them. */
const TIMED = [
  'apps/server/test/*-{outages,instances}.long.test.ts',
  'apps/server/test/{lost-connections,nginx,on-call,pgbouncer,redis-cluster,redis-failover,redis-silence,revocation,storm}.long.test.ts',
]
/** One more try, where real servers are asked: a shared machine may stand still for a second in the middle of a deadline. `.ci/run` prints each. */
const RETRIES = 1
/** Random schedules: some hundreds of them in every run, as many as the files say in the long one. */
const SCHEDULES = '**/{invariants,races}.test.ts'
const RUNS = process.env.WEAPP_AUTH_RUNS
/**
 * What tests write lies in memory where the machine has a folder for that and room in it: each start of a service on embedded
 * stores waits dozens of times for a disk otherwise. The servers that all tests share keep theirs on the disk.
 */
const QUICK = { WEAPP_AUTH_RUNS: RUNS ?? '250', TMPDIR: findFolderInMemory() ?? tmpdir() }

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'here',
          include: ['{packages,apps}/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, LONG, EVENTS],
          env: QUICK,
          // Files share the modules that they load: importing them anew for each file took half of the time.
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'here, events', include: [EVENTS], exclude: [...configDefaults.exclude, LONG], env: QUICK },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: [`{packages,apps,scripts}/${LONG}`],
          exclude: [...configDefaults.exclude, ...TIMED],
          retry: RETRIES,
          // A guard against a hang, not a promise.
          testTimeout: 120_000,
        },
      },
      {
        // Never tried again: another run has other schedules, and would hide what this one has found.
        extends: true,
        test: { name: 'long, schedules', include: [`{packages,apps}/${SCHEDULES}`], testTimeout: 120_000 },
      },
      {
        extends: true,
        test: {
          name: 'long, timed',
          include: TIMED,
          maxWorkers: 1,
          isolate: false,
          retry: RETRIES,
          // As above: what is promised stands in the tests.
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // The client once more, in the long run only: the built file, on an engine whose promises are timers and have no `finally`.
        extends: true,
        resolve: { alias: [{ find: /^\.\.\/src\/index\.ts$/, replacement: OLD_ENGINE_CLIENT }] },
        test: {
          name: 'old engine',
          include: ['packages/client/test/*.test.ts'],
          exclude: ['**/{build,samples}.test.ts', LONG],
          testTimeout: 120_000,
          // Every `then` takes a millisecond there, so it plays a tenth of the schedules.
          env: { WEAPP_AUTH_RUNS: RUNS ?? '200' },
        },
      },
    ],
    setupFiles: ['packages/test-servers/src/restore-globals.ts'],
    globalSetup: ['packages/test-servers/src/global-setup.ts', 'apps/server/test/global-setup.ts'],
    // miniprogram-simulate needs `forks` or `threads`; threads start faster.
    pool: 'threads',
    unstubGlobals: true,
    // Most files wait for processes and timers, so more workers than cores keep the cores busy.
    maxWorkers: 2 * availableParallelism(),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A wait ends when what it waits for is there; the limit is for a machine that is busy with something else.
    expect: { poll: { timeout: 15_000 } },
    reporters: ['default'],
  },
})

function findFolderInMemory(): string | null {
  const folder = '/dev/shm'
  try {
    // Some tests write programs and start them, which containers often forbid there.
    if (!/^\S+ \/dev\/shm \S+ (?!\S*\bnoexec\b)/m.test(readFileSync('/proc/mounts', 'utf8'))) return null
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > 2 ** 31 ? folder : null
  } catch {
    return null
  }
}

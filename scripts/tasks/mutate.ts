// `npm run mutate -- client|server [files] [--since <commit>] [--tests <files>] [--part 1/3] [--rest] [--quick | --thorough]`: changes
// the code in many small ways and counts which changes the tests notice. Files may be given, or those that differ from a commit; without
// both it is the whole side, which takes hours for the server: `--part 1/3` makes each third change, and `--rest` only those that no run
// with it has noticed yet. A change is shown to the tests of its own room first, and then to the others.
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { provideMariaDb } from '../../packages/test-servers/src/mariadb.ts'
import { providePostgres } from '../../packages/test-servers/src/postgres.ts'
import { provideRedis } from '../../packages/test-servers/src/redis.ts'
import type { Server } from '../../packages/test-servers/src/server.ts'
import { type Change, type Instrumented, instrument } from '../mutation/instrument.ts'
import { readNoticed, writeNoticed } from '../mutation/noticed.ts'
import type { Outcomes } from '../mutation/plan.ts'
import { findRefused } from '../mutation/refused.ts'
import { type Mutant, report } from '../mutation/report.ts'
import { testsOf } from '../mutation/rooms.ts'
import { type RunOptions, tryChanges } from '../mutation/run.ts'
import { ROOT } from '../root.ts'
import { build } from './build.ts'

/** Of the changes in code that the tests run. */
const THRESHOLD_PERCENT = 90

interface Side extends Omit<RunOptions, 'others'> {
  /** The sources to change. */
  sources: string
  notSources: string[]
  tests: string
  /** Tests that read or start what was built: a change lives in the sources, so these cannot see it. And long ones. */
  notTests: string[]
}

const SIDES: Record<string, Side> = {
  client: {
    sources: 'packages/client/src/*.ts',
    notSources: ['**/index.ts'],
    tests: 'packages/client/test/*.test.ts',
    notTests: ['**/{build,docs,faults,migrate,samples}.test.ts', '**/*.long.test.ts'],
    schedules: 60,
    needsServers: false,
  },
  server: {
    sources: '{packages/fastify,apps/server}/src/**/*.ts',
    notSources: ['**/{index,main}.ts', '**/*texts.ts', '**/testing/**'],
    tests: '{packages/fastify,apps/server}/test/**/*.test.ts',
    notTests: ['**/{build,deploy}.test.ts', '**/*.long.test.ts'],
    schedules: 60,
    needsServers: true,
  },
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    since: { type: 'string' },
    tests: { type: 'string' },
    part: { type: 'string' },
    rest: { type: 'boolean' },
    quick: { type: 'boolean' },
    thorough: { type: 'boolean' },
  },
})
const [name = '', ...given] = positionals
const side = Object.hasOwn(SIDES, name) ? SIDES[name] : undefined
if (!side) {
  process.stderr.write('weapp-auth: which side? npm run mutate -- client, or npm run mutate -- server [files]\n')
  process.exit(1)
}
const files = chooseFiles(side)
if (files.length === 0) {
  process.stderr.write('weapp-auth: no source of this side was named, or has changed\n')
  process.exit(values.since === undefined ? 1 : 0)
}

await build()
const allTests = find(side.tests, side.notTests)
const tests = values.tests ? find(values.tests, side.notTests) : allTests
const whole = await instrument(files)
const instrumented = choosePart(whole, values.part)
const outcomes: Outcomes = values.rest ? readNoticed(whole.changes) : {}
const servers = side.needsServers ? await startServers() : []
try {
  await showAll()
} catch (error) {
  process.stderr.write(`weapp-auth: ${error}. The result is that of the changes tried until then.\n`)
  process.exitCode = 1
} finally {
  if (values.rest) writeNoticed(whole.changes, outcomes)
  await Promise.all(servers.map((server) => server.stop()))
}

process.stderr.write('which of the survivors the compiler refuses ...\n')
const refused = findRefused(instrumented.changes.filter(({ id }) => outcomes[id] === 'survived'))
const mutants: Mutant[] = instrumented.changes.map((change) => ({
  ...change,
  outcome: refused.has(change.id) ? 'refused' : (outcomes[change.id] ?? 'never run'),
}))
const explained = JSON.parse(readFileSync(join(ROOT, 'scripts', 'survivors.json'), 'utf8')) as Record<string, string>
const { text, isGood } = report(mutants, explained, THRESHOLD_PERCENT)
process.stdout.write(text)
if (!isGood) process.exitCode = 1

/** For all processes that run tests: each would start its own. */
async function startServers(): Promise<Server[]> {
  const [redis, postgres, mariaDb] = await Promise.all([provideRedis(), providePostgres(), provideMariaDb()])
  Object.assign(process.env, { REDIS_URL: redis.url, DATABASE_URL: postgres.url, MYSQL_URL: mariaDb.url })
  return [redis, postgres, mariaDb]
}

async function showAll(): Promise<void> {
  const left = () => instrumented.changes.filter(({ id }) => outcomes[id] !== 'noticed')
  if (!values.tests) for (const [room, changes] of byRoom(left())) await show(changes, room)
  if (!values.tests && files.every((file) => testsOf(file, tests).length === tests.length)) return
  await show(left(), tests)
}

async function show(changes: readonly Change[], to: readonly string[]): Promise<void> {
  if (changes.length === 0 || to.length === 0) return
  const ids = changes.map(({ id }) => id)
  const others = values.quick ? 'none' : values.thorough ? 'all' : 'some'
  await tryChanges(instrumented, ids, to, { ...(side as Side), others }, outcomes)
}

/** Changes by the tests of their room. */
function byRoom(changes: readonly Change[]): Iterable<[string[], Change[]]> {
  const rooms = Map.groupBy(changes, ({ file }) => testsOf(file, tests).join())
  return [...rooms].map(([room, changes]) => [room.split(',').filter(Boolean), changes])
}

/** @param part `1/3`: each third change, from the first on */
function choosePart(instrumented: Instrumented, part = '1/1'): Instrumented {
  const [number = 0, count = 0] = /^\d+\/\d+$/.test(part) ? part.split('/').map(Number) : []
  if (number < 1 || number > count) {
    process.stderr.write(`weapp-auth: --part ${part} is no part, as 1/3, 2/3 and 3/3 are\n`)
    process.exit(1)
  }
  return { ...instrumented, changes: instrumented.changes.filter((_, index) => index % count === number - 1) }
}

function chooseFiles({ sources, notSources }: Side): string[] {
  const all = find(sources, notSources)
  const isOne = new Set(all)
  if (values.since !== undefined) {
    const changed = execFileSync('git', ['diff', '--name-only', values.since], { cwd: ROOT, encoding: 'utf8' })
    return changed.split('\n').filter((file) => isOne.has(file))
  }
  return given.length > 0 ? given.flatMap((each) => find(each, notSources)).filter((file) => isOne.has(file)) : all
}

function find(pattern: string, not: readonly string[]): string[] {
  const found = pattern.split(/,(?![^{]*\})/).flatMap((each) => globSync(each, { cwd: ROOT, exclude: [...not] }))
  return [...new Set(found)].sort()
}

// Measures what the guard costs, beside what others cost. See README.md.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRedis } from '@weapp-auth/test-servers'
import { compare, type Report, type Shares, sharesOf, summarize, toSvg, toTable } from './guard-report.ts'
import { measureGuard, measurePatiently, type Round, warmUp } from './guards.ts'
import { installPeers } from './peers.ts'
import { profileTargets, toProfileTable } from './profile.ts'
import { GUARDED_REQUEST } from './profile-guard.ts'
import { CACHE_MS, measureRevocations } from './revocations.ts'
import { rotate } from './statistics.ts'
import { makeRoomForTargets, startTarget, type Target } from './target.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '25' },
    seconds: { type: 'string', default: '1' },
    profile: { type: 'boolean', default: false },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const USERS = '200'
const UNCACHED = { SESSION_CACHE_MS: '0' }
/** One run says little on a machine that is shared, so the shares of the last ones are kept. */
const KEPT_RUNS = 4
const CACHED = { SESSION_CACHE_MS: String(CACHE_MS) }
const PATIENCE = {
  tries: 5,
  onAgain: ({ message }: Error) => void process.stderr.write(`${message}, measured again\n`),
}

const closers: (() => Promise<void> | void)[] = []
const { length: cores } = cpus()
const machine = `${cores} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`
mkdirSync(options.out, { recursive: true })
try {
  installPeers()
  makeRoomForTargets()
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-bench-'))
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const redis = await startRedis()
  closers.push(redis.stop)
  await (options.profile ? profile(redis.url, dataDir) : compareAll(redis.url, dataDir))
} finally {
  for (const close of closers.reverse()) await close()
}

async function compareAll(redisUrl: string, dataDir: string): Promise<void> {
  const measured = await measureGuards([...(await startOurs(redisUrl, dataDir)), ...(await startPeers(redisUrl))])
  const revocations = await measureRevocations(
    await start('the first process', 'weapp-auth', ours(redisUrl, join(dataDir, 'first'), CACHED)),
    await start('the second process', 'weapp-auth', ours(redisUrl, join(dataDir, 'second'), CACHED)),
  )
  const report: Report = {
    machine,
    rounds,
    secondsPerRound: seconds,
    guards: summarize(measured),
    revocations,
    goals: findGoals(measured),
    runs: [sharesOf(measured), ...findRuns()].slice(0, KEPT_RUNS),
  }
  write(
    'guard.json',
    `${JSON.stringify({ measuredAt: new Date().toISOString(), ...report, every: measured }, null, 2)}\n`,
  )
  write('guard.svg', toSvg(report))
  write('guard.md', toTable(report))
  process.stdout.write(`\n${toTable(report)}\n${options.out}\n`)
}

async function measureGuards(targets: readonly Target[]): Promise<Round[][]> {
  const measured: Round[][] = []
  await warmUp(targets)
  for (let round = 0; round < rounds; round++) {
    const results = new Map<string, Round>()
    for (const target of rotate(targets, round)) {
      const result = await measurePatiently(target, seconds, PATIENCE)
      results.set(target.name, result)
      progress(`${round + 1}/${rounds}`, target.name, result.requestsPerSecond)
    }
    measured.push(targets.flatMap(({ name }) => results.get(name) ?? []))
  }
  await Promise.all(targets.map((target) => target.stop()))
  return measured
}

/** Where the CPU time of a request goes, with the guard and without. */
async function profile(redisUrl: string, dataDir: string): Promise<void> {
  const targets = await startOurs(redisUrl, dataDir)
  await warmUp(targets)
  const profiles = await profileTargets(targets, {
    split: GUARDED_REQUEST,
    rounds,
    measure: async (target) => 1e6 / (await measureGuard(target, seconds)).requestsPerCpuSecond,
    progress: (round) => process.stderr.write(`[${round}/${rounds}]\n`),
  })
  write('profile.json', `${JSON.stringify({ measuredAt: new Date().toISOString(), machine, profiles }, null, 2)}\n`)
  const table = toProfileTable(machine, GUARDED_REQUEST, profiles)
  write('profile.md', table)
  process.stdout.write(`\n${table}\n${options.out}\n`)
}

function startOurs(redisUrl: string, dataDir: string): Promise<Target[]> {
  return startAll([
    ['unguarded', 'weapp-auth', ours(redisUrl, join(dataDir, 'unguarded'), { GUARD: 'off' })],
    ['an empty hook', 'weapp-auth', ours(redisUrl, join(dataDir, 'empty'), { GUARD: 'empty' })],
    ['weapp-auth, cache on', 'weapp-auth', ours(redisUrl, join(dataDir, 'on'), CACHED)],
    ['weapp-auth, cache off', 'weapp-auth', ours(redisUrl, join(dataDir, 'off'), UNCACHED)],
    ['one GET and nothing else', 'weapp-auth', ours(redisUrl, join(dataDir, 'get'), { GUARD: 'get', ...UNCACHED })],
  ])
}

function startPeers(redisUrl: string): Promise<Target[]> {
  const env = { REDIS_URL: redisUrl, USERS }
  return startAll([
    ['@fastify/session', 'fastify-session', env],
    ['express-session', 'express-session', env],
    ['@fastify/jwt', 'fastify-jwt', env],
  ])
}

function ours(redisUrl: string, dataDir: string, env: Record<string, string>): Record<string, string> {
  return { REDIS_URL: redisUrl, USERS, DATA_DIR: dataDir, GUARD: 'on', ...env }
}

async function startAll(all: readonly [name: string, file: string, env: Record<string, string>][]): Promise<Target[]> {
  const targets: Target[] = []
  for (const each of all) targets.push(await start(...each))
  return targets
}

async function start(name: string, file: string, env: Record<string, string>): Promise<Target> {
  const target = await startTarget(name, file, env)
  closers.push(target.stop)
  return target
}

function findGoals(measured: readonly Round[][]): Report['goals'] {
  const reached = (target: string, base: string) => compare(measured, target, base)
  return [
    { goal: 'cache off, of unguarded', wanted: 0.7, reached: reached('weapp-auth, cache off', 'unguarded') },
    { goal: 'cache on, of unguarded', wanted: 0.95, reached: reached('weapp-auth, cache on', 'unguarded') },
    {
      goal: 'cache off, times express-session',
      wanted: 2.5,
      reached: reached('weapp-auth, cache off', 'express-session'),
    },
  ]
}

/** Of the runs that the last result knew, its own first. */
function findRuns(): Shares[] {
  const file = join(options.out, 'guard.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report).runs : []
}

function write(file: string, text: string): void {
  writeFileSync(join(options.out, file), text)
}

function progress(step: string, name: string, perSecond: number): void {
  process.stderr.write(`[${step}] ${name}: ${Math.round(perSecond).toLocaleString('en')}/s\n`)
}

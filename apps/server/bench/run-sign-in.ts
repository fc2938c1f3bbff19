// Measures what a sign-in costs, beside what others cost, and what the service takes at rest; with --profile, where its CPU time
// goes. See README.md.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startMariaDb, startPostgres, startRedis } from '@weapp-auth/test-servers'
import { createDatabase } from './database.ts'
import { installPeers } from './peers.ts'
import { profileTargets, type RequestProfile, toProfileTable } from './profile.ts'
import { SIGN_IN } from './profile-sign-in.ts'
import { countRoundTrips } from './round-trips.ts'
import { type ColumnReport, type SignInReport, summarize, type Trips, toSignInTable } from './sign-in-report.ts'
import {
  createUpstream,
  makeUsersKnown,
  measureCpu,
  measureSignIns,
  refused,
  type SignInRound,
  type Upstream,
} from './sign-ins.ts'
import { bareFastify, measureStarts, type Start, service } from './starts.ts'
import { rotate } from './statistics.ts'
import { makeRoomForTargets, startTarget, type Target } from './target.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    'sign-ins': { type: 'string', default: '1000' },
    // Each signs in fewer times than SESSION_LIMIT, beyond which a sign-in has to end a session as well.
    users: { type: 'string', default: '1000' },
    profile: { type: 'boolean', default: false },
    columns: { type: 'string', default: 'SQLite,Redis + PostgreSQL,Redis + MySQL' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const rounds = Number(options.rounds)
const signIns = Number(options['sign-ins'])
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`
const users = Number(options.users)
/** Sign-ins whose round trips are counted. */
const COUNTED = 100

/** A program that signs users in. */
interface Program {
  file: string
  env?: Record<string, string>
  /** It answers `GET /v1/me`. */
  canRead?: true
}

/** One of the ways to run the service, with what is compared in it. */
interface Column {
  name: string
  sql: 'none' | 'postgres' | 'mysql'
  targets: Record<string, Program>
}

const BAREST: Program = { file: 'barest', canRead: true }
const OURS: Program = { file: 'service', canRead: true }

const COLUMNS: Column[] = [
  { name: 'SQLite', sql: 'none', targets: { 'the barest': BAREST, 'weapp-auth': OURS } },
  {
    name: 'Redis + PostgreSQL',
    sql: 'postgres',
    targets: {
      'the barest': BAREST,
      'weapp-auth': OURS,
      'weapp-auth, with its log and limit': { ...OURS, env: { AS_DEPLOYED: 'on' } },
      'Express + pg + ioredis + axios': { file: 'tutorial' },
      '@fastify/session': { file: 'fastify-session-sign-in' },
    },
  },
  {
    name: 'Redis + MySQL',
    sql: 'mysql',
    targets: { 'the barest': BAREST, 'weapp-auth': OURS, 'Express + mysql2 + ioredis + axios': { file: 'tutorial' } },
  },
]

const closers: (() => unknown)[] = []
mkdirSync(options.out, { recursive: true })
try {
  installPeers()
  makeRoomForTargets()
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-bench-'))
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const [redis, postgres, mariaDb] = [await startRedis(), await startPostgres(), await startMariaDb()]
  closers.push(redis.stop, postgres.stop, mariaDb.stop)
  const servers = { redis: redis.url, postgres: postgres.url, mysql: mariaDb.url, dataDir }
  const pids = { redis: redis.pid, postgres: postgres.pid, mysql: mariaDb.pid }
  const wechat = await startTarget('the upstream', 'wechat', { KNOWN_USERS: options.users })
  closers.push(wechat.stop)
  const upstream = createUpstream(wechat)
  closers.push(upstream.close)
  const columns = COLUMNS.filter(({ name }) => options.columns.split(',').includes(name))
  const surroundings = { upstream, wechat, servers, pids }
  await (options.profile ? profile(columns, surroundings) : compareAll(columns, surroundings))
} finally {
  for (const close of closers.reverse()) await close()
}

async function compareAll(columns: readonly Column[], surroundings: Surroundings): Promise<void> {
  const { servers, wechat } = surroundings
  const reports: ColumnReport[] = []
  for (const column of columns) reports.push(await measureColumn(column, surroundings))
  const report: SignInReport = {
    machine,
    measuredAt: new Date().toISOString(),
    rounds,
    signIns,
    columns: reports,
    refused: refused.count,
    starts: await starts(servers, wechat),
  }
  const table = toSignInTable(report)
  writeFileSync(join(options.out, 'sign-in.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(options.out, 'sign-in.md'), table)
  process.stdout.write(`\n${table}\n${options.out}\n`)
}

/** Where the CPU time of a sign-in goes, and of a `GET /v1/me`: ours beside the barest. */
async function profile(columns: readonly Column[], surroundings: Surroundings): Promise<void> {
  const profiles: { title: string; profiles: RequestProfile<string>[] }[] = []
  const tables: string[] = []
  for (const column of columns) {
    const programs = Object.entries(column.targets).filter(([, { canRead }]) => canRead)
    const targets = await startTargets({ ...column, targets: Object.fromEntries(programs) }, surroundings)
    for (const what of ['sign-in', 'read'] as const) {
      const title = `${column.name}: ${what === 'read' ? 'a `GET /v1/me`' : 'a sign-in'}`
      const measured = await profileTargets(targets, {
        split: SIGN_IN,
        rounds,
        measure: (target) => measureCpu(surroundings.upstream, target, { count: signIns, what }),
        progress: (round) => progress(title, `${round}/${rounds}`),
      })
      profiles.push({ title, profiles: measured })
      tables.push(toProfileTable(machine, SIGN_IN, measured, `for ${title}`))
    }
    await Promise.all(targets.map((target) => target.stop()))
  }
  const file = (extension: string) => join(options.out, `sign-in-profile.${extension}`)
  writeFileSync(
    file('json'),
    `${JSON.stringify({ measuredAt: new Date().toISOString(), machine, profiles }, null, 2)}\n`,
  )
  writeFileSync(file('md'), tables.join('\n'))
  process.stdout.write(`\n${tables.join('\n')}\n${options.out}\n`)
}

interface Servers {
  redis: string
  postgres: string
  mysql: string
  dataDir: string
}

interface Surroundings {
  upstream: Upstream
  wechat: Target
  servers: Servers
  pids: Record<'redis' | 'postgres' | 'mysql', number>
}

async function startTargets(column: Column, { upstream, wechat, servers }: Surroundings): Promise<Target[]> {
  const targets: Target[] = []
  for (const [name, { file, env }] of Object.entries(column.targets)) {
    const given = { ...(await environment(column, wechat.url, wechat, servers)), ...env }
    const target = await startTarget(name, file, given)
    closers.push(target.stop)
    targets.push(target)
    await makeUsersKnown(upstream, target, users)
  }
  return targets
}

async function measureColumn(column: Column, surroundings: Surroundings): Promise<ColumnReport> {
  const { upstream, wechat, servers, pids } = surroundings
  const behind = column.sql === 'none' ? null : { redis: pids.redis, sql: pids[column.sql] }
  const targets = await startTargets(column, surroundings)
  const measured: SignInRound[][] = []
  for (let round = 0; round < rounds; round++) {
    const results = new Map<string, SignInRound>()
    for (const target of rotate(targets, round)) {
      const canRead = column.targets[target.name]?.canRead === true
      const result = await measureSignIns(upstream, target, { count: signIns, canRead, servers: behind })
      results.set(target.name, result)
      progress(
        `${column.name} ${round + 1}/${rounds}`,
        `${target.name}: ${Math.round(result.perCpuSecond)} a CPU second`,
      )
    }
    measured.push(targets.flatMap(({ name }) => results.get(name) ?? []))
  }
  await Promise.all(targets.map((target) => target.stop()))
  const trips: Record<string, Trips> = {}
  for (const [name, program] of Object.entries(column.targets)) {
    trips[name] = await countTrips(column, program, upstream, wechat, servers)
    progress(column.name, `${name}: ${JSON.stringify(trips[name])}`)
  }
  return { name: column.name, targets: summarize(measured, trips), every: measured }
}

/** How often each server is asked for one sign-in of a known user: counted by proxies, in a run of its own. */
async function countTrips(
  column: Column,
  { file, env }: Program,
  upstream: Upstream,
  wechat: Target,
  servers: Servers,
): Promise<Trips> {
  const counted = {
    wechat: await countRoundTrips(wechat.url),
    redis: await countRoundTrips(servers.redis),
    postgres: await countRoundTrips(servers.postgres),
    mysql: await countRoundTrips(servers.mysql),
  }
  try {
    const proxies = {
      ...servers,
      redis: counted.redis.url,
      postgres: counted.postgres.url,
      mysql: counted.mysql.url,
    }
    const given = { ...(await environment(column, counted.wechat.url, wechat, proxies)), ...env }
    const target = await startTarget(file, file, given)
    try {
      // Known are those whose turn is next.
      await makeUsersKnown(upstream, target, users)
      const counts = () => [
        counted.wechat.count(),
        counted.redis.count(),
        counted.postgres.count() + counted.mysql.count(),
      ]
      const before = counts()
      await upstream.signIn(target, await upstream.codes(COUNTED, 'known'), 1)
      const [wechatTrips = 0, redisTrips = 0, sqlTrips = 0] = counts().map(
        (count, index) => (count - (before[index] ?? 0)) / COUNTED,
      )
      return { wechat: wechatTrips, redis: redisTrips, sql: sqlTrips }
    } finally {
      await target.stop()
    }
  } finally {
    for (const proxy of Object.values(counted)) proxy.close()
  }
}

/** What a target is told, with an empty folder and database of its own. */
async function environment(
  { sql }: Column,
  wechatUrl: string,
  wechat: Target,
  servers: Servers,
): Promise<Record<string, string>> {
  const [{ appid = '', secret = '' } = {}] = wechat.users
  return {
    WECHAT_APPID: appid,
    WECHAT_SECRET: secret,
    WECHAT_API_BASE_URL: wechatUrl,
    DATA_DIR: mkdtempSync(join(servers.dataDir, 'target-')),
    ...(sql !== 'none' && { REDIS_URL: servers.redis, DATABASE_URL: await createDatabase(servers[sql]) }),
  }
}

async function starts(servers: Servers, wechat: Target): Promise<Start[]> {
  const stores = await environment({ name: '', sql: 'postgres', targets: {} }, wechat.url, wechat, servers)
  const env = { ...stores, SESSION_KEY_KEYS: `k1:${randomBytes(32).toString('base64')}` }
  return measureStarts([service('weapp-auth', env), bareFastify(env)])
}

function progress(step: string, line: string): void {
  process.stderr.write(`[${step}] ${line}\n`)
}

// Measures what the guard and a sign-in cost, beside what others cost. See README.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../../../scripts/servers/postgres.ts'
import { startRedis } from '../../../scripts/servers/redis.ts'
import { measureGuard, type Round } from './guards.ts'
import { installPeers } from './peers.ts'
import { compare, type Report, summarize, toSvg, toTable } from './report.ts'
import { measureRevocations } from './revocations.ts'
import { measureSignIns } from './sign-ins.ts'
import { startTarget, type Target } from './target.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '25' },
    seconds: { type: 'string', default: '1' },
    'sign-ins': { type: 'string', default: '5000' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const signInCount = Number(options['sign-ins'])
const USERS = '200'

const closers: (() => Promise<void> | void)[] = []
try {
  installPeers()
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-bench-'))
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  closers.push(redis.stop, postgres.stop)

  const targets = await startGuards(redis.url, dataDir)
  const measured: Round[][] = []
  for (const target of targets) await measureGuard(target, 1) // Warm.
  for (let round = 0; round < rounds; round++) {
    const results = new Map<string, Round>()
    for (const target of rotate(targets, round)) {
      const result = await measureGuard(target, seconds)
      results.set(target.name, result)
      progress(`${round + 1}/${rounds}`, target.name, result.requestsPerSecond)
    }
    measured.push(targets.flatMap(({ name }) => results.get(name) ?? []))
  }
  await Promise.all(targets.map((target) => target.stop()))

  const revocations = await measureRevocations(
    await start('the first process', 'weapp-auth', cached(redis.url, join(dataDir, 'first'))),
    await start('the second process', 'weapp-auth', cached(redis.url, join(dataDir, 'second'))),
  )

  const wechat = await start('the upstream', 'wechat', {})
  const [{ appid = '', secret = '' } = {}] = wechat.users
  const service = await start('the service', 'service', {
    DATA_DIR: dataDir,
    WECHAT_APPID: appid,
    WECHAT_SECRET: secret,
    WECHAT_API_BASE_URL: wechat.url,
    REDIS_URL: redis.url,
    DATABASE_URL: postgres.url,
  })
  const signIns = await measureSignIns(service, wechat, signInCount)
  progress('sign-ins', 'the service', signIns.signInsPerSecond)
  await Promise.all([service.stop(), wechat.stop()])

  const guards = summarize(measured)
  const { length } = cpus()
  const machine = `${length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`
  const report: Report = {
    machine,
    rounds,
    secondsPerRound: seconds,
    guards,
    signIns,
    revocations,
    goals: findGoals(measured),
  }
  mkdirSync(options.out, { recursive: true })
  writeFileSync(join(options.out, 'results.json'), `${JSON.stringify({ ...report, every: measured }, null, 2)}\n`)
  writeFileSync(join(options.out, 'results.md'), toTable(report))
  writeFileSync(join(options.out, 'results.svg'), toSvg(report))
  process.stdout.write(`\n${toTable(report)}\n${options.out}\n`)
} finally {
  for (const close of closers.reverse()) await close()
}

async function startGuards(redisUrl: string, dataDir: string): Promise<Target[]> {
  const env = { REDIS_URL: redisUrl, USERS }
  const ours = (name: string) => ({ ...env, DATA_DIR: join(dataDir, name) })
  return [
    await start('unguarded', 'weapp-auth', { ...ours('unguarded'), GUARD: 'off' }),
    await start('an empty hook', 'weapp-auth', { ...ours('empty'), GUARD: 'empty' }),
    await start('one GET and nothing else', 'weapp-auth', { ...ours('get'), GUARD: 'get', SESSION_CACHE_MS: '0' }),
    await start('weapp-auth, cache off', 'weapp-auth', { ...ours('off'), GUARD: 'on', SESSION_CACHE_MS: '0' }),
    await start('weapp-auth, cache on', 'weapp-auth', cached(redisUrl, join(dataDir, 'on'))),
    await start('@fastify/session', 'fastify-session', env),
    await start('express-session', 'express-session', env),
    await start('@fastify/jwt', 'fastify-jwt', env),
  ]
}

function cached(redisUrl: string, dataDir: string): Record<string, string> {
  return { REDIS_URL: redisUrl, USERS, DATA_DIR: dataDir, GUARD: 'on', SESSION_CACHE_MS: '2000' }
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

/** Another target first in every round. */
function rotate<T>(list: readonly T[], by: number): T[] {
  const start = by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

function progress(step: string, name: string, perSecond: number): void {
  process.stderr.write(`[${step}] ${name}: ${Math.round(perSecond).toLocaleString('en')}/s\n`)
}

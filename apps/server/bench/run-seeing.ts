// Measures what metrics and traces take of a guarded request. See README.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRedis } from '@weapp-auth/test-servers'
import { compare } from './guard-report.ts'
import { measureGuard, type Round, warmUp } from './guards.ts'
import { installPeers } from './peers.ts'
import { CACHE_MS } from './revocations.ts'
import { rotate } from './statistics.ts'
import { makeRoomForTargets, startTarget, type Target } from './target.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '1' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const CACHES = { 'cache on': String(CACHE_MS), 'cache off': '0' }
/** Twice without anything: how far the two are apart is what the machine adds. */
const SEEING = { nothing: 'off', 'nothing, again': 'off', metrics: 'metrics', traces: 'traces' }

const closers: (() => Promise<void> | void)[] = []
try {
  installPeers()
  makeRoomForTargets()
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-bench-'))
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const redis = await startRedis()
  closers.push(redis.stop)
  const targets = await startTargets(redis.url, dataDir)
  const shares = toShares(await measure(targets))
  await Promise.all(targets.map((target) => target.stop()))
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`
  const table = toTable(machine, shares)
  mkdirSync(options.out, { recursive: true })
  const report = { measuredAt: new Date().toISOString(), machine, rounds, secondsPerRound: seconds, shares }
  writeFileSync(join(options.out, 'seeing.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(options.out, 'seeing.md'), table)
  process.stdout.write(`\n${table}\n${options.out}\n`)
} finally {
  for (const close of closers.reverse()) await close()
}

async function startTargets(redisUrl: string, dataDir: string): Promise<Target[]> {
  const targets: Target[] = []
  for (const [cache, SESSION_CACHE_MS] of Object.entries(CACHES)) {
    for (const [seen, value] of Object.entries(SEEING)) {
      const name = `${seen}, ${cache}`
      const DATA_DIR = join(dataDir, name)
      const env = { REDIS_URL: redisUrl, USERS: '200', DATA_DIR, SEEING: value, SESSION_CACHE_MS }
      const target = await startTarget(name, 'seen', env)
      closers.push(target.stop)
      targets.push(target)
    }
  }
  return targets
}

async function measure(targets: readonly Target[]): Promise<Round[][]> {
  await warmUp(targets)
  const measured: Round[][] = []
  for (let round = 0; round < rounds; round++) {
    const results: Round[] = []
    for (const target of rotate(targets, round)) results.push(await measureGuard(target, seconds))
    measured.push(results)
    process.stderr.write(`[${round + 1}/${rounds}]\n`)
  }
  return measured
}

/** Requests per CPU second, of those without anything. */
function toShares(measured: readonly Round[][]) {
  return Object.keys(SEEING).flatMap((seen) =>
    Object.keys(CACHES).map((cache) => ({
      seen,
      cache,
      ofNothing: compare(measured, `${seen}, ${cache}`, `nothing, ${cache}`),
    })),
  )
}

function toTable(machine: string, shares: ReturnType<typeof toShares>): string {
  const lines = Object.keys(SEEING).map((seen) => {
    const cells = shares.filter((share) => share.seen === seen).map(({ ofNothing }) => ofNothing.toFixed(3))
    return `| ${[seen, ...cells].join(' | ')} |`
  })
  return [
    `${machine}, ${rounds} rounds of ${seconds} s, interleaved; the median. Guarded requests per CPU second, of those without anything:`,
    '',
    `| | ${Object.keys(CACHES).join(' | ')} |`,
    '| --- | ---: | ---: |',
    ...lines,
    '',
  ].join('\n')
}

// Everybody signs in again: Redis is emptied under phones that run the real client. See README.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findFaults, runStorm, type Storm } from './storm.ts'

const { values: options } = parseArgs({
  options: {
    phones: { type: 'string', default: '10000' },
    period: { type: 'string', default: '10' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const CPU_OF: Record<string, string> = {
  phones: 'the phones, their proxy and WeChat',
  service: 'the service',
  redis: 'Redis',
  postgres: 'PostgreSQL',
}

const storm = await runStorm({
  phones: Number(options.phones),
  periodMs: Number(options.period) * 1000,
  progress: (line) => void process.stderr.write(`${line}\n`),
})
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`
const table = toTable(machine, storm)
mkdirSync(options.out, { recursive: true })
writeFileSync(
  join(options.out, 'storm.json'),
  `${JSON.stringify({ measuredAt: new Date().toISOString(), machine, ...storm }, null, 2)}\n`,
)
writeFileSync(join(options.out, 'storm.md'), table)
process.stdout.write(`\n${table}\n${options.out}\n`)
for (const fault of findFaults(storm)) {
  process.stderr.write(`not as it should be: ${fault}\n`)
  process.exitCode = 1
}

function toTable(machine: string, storm: Storm): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const failures = Object.entries(storm.failures).map(([code, count]) => `${count} ${code}`)
  const rows = [
    ['phones', storm.phones.toLocaleString('en')],
    ['each sends a request every', seconds(storm.periodMs)],
    ['requests after Redis was emptied', storm.requests.toLocaleString('en')],
    ['of these failed', failures.join(', ') || 'none'],
    ['of these never ended', String(storm.pending)],
    ['exchanges with WeChat', storm.exchanges.toLocaleString('en')],
    ['exchanges of one user at most', String(storm.exchangesOfOneUser)],
    ['a phone is back after its first request, p50', seconds(storm.backP50Ms)],
    ['a phone is back after its first request, p99', seconds(storm.backP99Ms)],
    ['every phone is back after', seconds(storm.normalAfterMs)],
    ...Object.entries(storm.cpuSeconds).map(([name, taken]) => [`CPU of ${CPU_OF[name]}`, seconds(taken * 1000)]),
  ]
  return `${[machine, '', '| everybody signs in again | |', '| --- | ---: |', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n')}\n`
}

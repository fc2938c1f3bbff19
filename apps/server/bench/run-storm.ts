// Phones with the real client poll an address that answers 401 for reasons of its own; then Redis is emptied under them, and
// everybody signs in again. See README.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findFaults, runStorm, type Storm } from './storm.ts'

const { values: options } = parseArgs({
  options: {
    phones: { type: 'string', default: '10000' },
    period: { type: 'string', default: '10' },
    polls: { type: 'string', default: '7' },
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
  // PostgreSQL counts what a connection did at the latest 10 s after that.
  foreign: { everyMs: 10_000, times: Number(options.polls), countingMs: 11_000 },
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
  const counts = (byCode: Record<string, number>) =>
    Object.entries(byCode)
      .map(([code, count]) => `${count} ${code}`)
      .join(', ') || 'none'
  const { foreign } = storm
  const msOfQuestion = (foreign.cpuSeconds * 1000) / foreign.questions
  const polled = [
    ['phones', storm.phones.toLocaleString('en')],
    ['each polls every', seconds(foreign.everyMs)],
    ['polls', foreign.polls.toLocaleString('en')],
    ['took', seconds(foreign.tookMs)],
    ['logins because of them', String(foreign.exchanges)],
    ['questions to the service (`GET /v1/session`)', foreign.questions.toLocaleString('en')],
    ['of these without an answer in time', foreign.unanswered.toLocaleString('en')],
    ['SQL statements, its pings included', foreign.statements?.toLocaleString('en') ?? 'not counted'],
    ['CPU time of the service', seconds(foreign.cpuSeconds * 1000)],
    ['of that for a question', `${msOfQuestion.toFixed(2)} ms`],
  ]
  const rows = [
    ['phones', storm.phones.toLocaleString('en')],
    ['each sends a request every', seconds(storm.periodMs)],
    ['requests after Redis was emptied', storm.requests.toLocaleString('en')],
    ['of these failed', counts(storm.failures)],
    ['of these never ended', String(storm.pending)],
    ['answers 429 and 5xx of the service', counts(storm.refused)],
    ['`Retry-After` of these, in all', seconds(storm.retryAfterSeconds * 1000)],
    ['exchanges with WeChat', storm.exchanges.toLocaleString('en')],
    ['exchanges of one user at most', String(storm.exchangesOfOneUser)],
    ['a phone is back after its first request, p50', seconds(storm.backP50Ms)],
    ['a phone is back after its first request, p99', seconds(storm.backP99Ms)],
    ['every phone is back after', seconds(storm.normalAfterMs)],
    ...Object.entries(storm.cpuSeconds).map(([name, taken]) => [`CPU of ${CPU_OF[name]}`, cpuOf(storm, taken)]),
    ['one process of the service, on two cores without the phones, needs at least', seconds(serveMs(storm))],
  ]
  const table = (title: string, lines: string[][]) => [
    `| ${title} | |`,
    '| --- | ---: |',
    ...lines.map((line) => `| ${line.join(' | ')} |`),
  ]
  const parts = [...table("a gateway's 401, polled", polled), '', ...table('everybody signs in again', rows)]
  return `${[machine, '', ...parts].join('\n')}\n`
}

/** The share is of all cores, from the moment when Redis was emptied until the last phone was back. */
function cpuOf({ phones, normalAfterMs }: Storm, seconds: number): string {
  const share = (100_000 * seconds) / (normalAfterMs * cpus().length)
  return `${seconds.toFixed(1)} s, ${((seconds * 1000) / phones).toFixed(2)} ms a phone, ${share.toFixed(0)} % of the cores`
}

/** The service has one core at most, and shares the other with the two stores. */
function serveMs({ cpuSeconds: { service, redis, postgres } }: Storm): number {
  return 1000 * Math.max(service, (service + redis + postgres) / 2)
}

import type { Round } from './guards.ts'
import { CACHE_MS, type Revocations } from './revocations.ts'
import { median } from './statistics.ts'

export interface Report {
  machine: string
  rounds: number
  secondsPerRound: number
  guards: (Round & { ofUnguarded: number })[]
  revocations: Revocations
  goals: { goal: string; wanted: number; reached: number }[]
  /** This run, then the ones before it. */
  runs: Shares[]
}

/** What one run said, by requests per CPU second. */
export interface Shares {
  cacheOff: number
  cacheOn: number
  timesExpressSession: number
  oneGet: number
}

/** The median of each target's rounds. */
export function summarize(rounds: readonly Round[][]): Report['guards'] {
  const targets = rounds[0]?.map(({ target }) => target) ?? []
  return targets.map((target) => {
    const own = rounds.flatMap((round) => round.filter((result) => result.target === target))
    const of = (pick: (round: Round) => number) => median(own.map(pick))
    return {
      target,
      requestsPerSecond: of((round) => round.requestsPerSecond),
      requestsPerCpuSecond: of((round) => round.requestsPerCpuSecond),
      p50Ms: of((round) => round.p50Ms),
      p99Ms: of((round) => round.p99Ms),
      ofUnguarded: compare(rounds, target, 'unguarded'),
    }
  })
}

/** How many times as many requests as `base`, round by round, so that a slow moment of the machine meets both. */
export function compare(rounds: readonly Round[][], target: string, base: string): number {
  return median(ratiosOf(rounds, target, base))
}

/** The ratio of each round. */
export function ratiosOf(rounds: readonly Round[][], target: string, base: string): number[] {
  const rate = (round: Round[], name: string) =>
    round.find((result) => result.target === name)?.requestsPerCpuSecond ?? Number.NaN
  return rounds.map((round) => rate(round, target) / rate(round, base))
}

/** What the README shows of a run. */
export function sharesOf(rounds: readonly Round[][]): Shares {
  return {
    cacheOff: compare(rounds, 'weapp-auth, cache off', 'unguarded'),
    cacheOn: compare(rounds, 'weapp-auth, cache on', 'unguarded'),
    timesExpressSession: compare(rounds, 'weapp-auth, cache off', 'express-session'),
    oneGet: compare(rounds, 'one GET and nothing else', 'unguarded'),
  }
}

export function toTable({ machine, rounds, secondsPerRound, guards, revocations, goals }: Report): string {
  const whole = (value: number) => Math.round(value).toLocaleString('en')
  const lines = [
    `${machine}; median of ${rounds} rounds of ${secondsPerRound} s`,
    '',
    '| guard | requests/s | requests/CPU s | of unguarded | p50 | p99 |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...guards.map((guard) => {
      const latency = `${guard.p50Ms} ms | ${guard.p99Ms} ms`
      return `| ${guard.target} | ${whole(guard.requestsPerSecond)} | ${whole(guard.requestsPerCpuSecond)} | ${guard.ofUnguarded.toFixed(2)} | ${latency} |`
    }),
    '',
    '| sessions ended in one process | let in by another for, p50 | p99 | longest | SESSION_CACHE_MS |',
    '| ---: | ---: | ---: | ---: | ---: |',
    `| ${revocations.sessions} | ${[revocations.p50Ms, revocations.p99Ms, revocations.longestMs].map((ms) => `${ms.toFixed(1)} ms`).join(' | ')} | ${whole(CACHE_MS)} ms |`,
    '',
    '| goal, by requests/CPU s | wanted | reached |',
    '| --- | ---: | ---: |',
    ...goals.map(({ goal, wanted, reached }) => `| ${goal} | ${wanted.toFixed(2)} | ${reached.toFixed(2)} |`),
  ]
  return `${lines.join('\n')}\n`
}

const TITLE = 'Guarded requests a core serves in a second'

/** Bars of requests per CPU second, the longest as wide as the plot. */
export function toSvg({ guards }: Report): string {
  const most = Math.max(...guards.map(({ requestsPerCpuSecond }) => requestsPerCpuSecond))
  const bars = guards.map(({ target, requestsPerCpuSecond, p99Ms }, index) => {
    const y = 48 + index * 44
    const width = Math.round((requestsPerCpuSecond / most) * 420)
    const color = target.startsWith('weapp-auth') ? '#2f7d5b' : '#8a938f'
    return `  <text x="200" y="${y + 19}" text-anchor="end">${target}</text>
  <rect x="212" y="${y}" width="${width}" height="28" rx="4" fill="${color}"/>
  <text x="${220 + width}" y="${y + 19}">${Math.round(requestsPerCpuSecond / 100) / 10}k, p99 ${p99Ms} ms</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 ${60 + guards.length * 44}" font-family="system-ui, sans-serif" font-size="14" fill="currentColor">
  <title>${TITLE}</title>
  <text x="16" y="28" font-size="16" font-weight="600">${TITLE}</text>
${bars.join('\n')}
</svg>
`
}

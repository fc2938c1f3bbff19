import type { SignInRound } from './sign-ins.ts'
import { type Start, toStartsTable } from './starts.ts'
import { median } from './statistics.ts'

/** Round trips of one sign-in of a known user. */
export interface Trips {
  wechat: number
  redis: number
  sql: number
}

export interface TargetReport extends SignInRound {
  /** Sign-ins a CPU second, of those of the barest target, round by round. */
  ofBarest: number
  /** The same of `GET /v1/me`; null where the target has no such route. */
  readsOfBarest: number | null
  trips: Trips
}

export interface ColumnReport {
  name: string
  targets: TargetReport[]
  every: SignInRound[][]
}

export interface SignInReport {
  machine: string
  measuredAt: string
  rounds: number
  signIns: number
  columns: ColumnReport[]
  /** Sign-ins that a target refused with a 503 or 504, which are not counted: more than a few mean that the machine was busy. */
  refused: number
  starts: Start[]
}

const BAREST = 'the barest'
const OURS = 'weapp-auth'

/** The median of each target's rounds. */
export function summarize(rounds: readonly SignInRound[][], trips: Record<string, Trips>): TargetReport[] {
  const targets = rounds[0]?.map(({ target }) => target) ?? []
  return targets.map((target) => {
    const own = rounds.flatMap((round) => round.filter((result) => result.target === target))
    const of = (pick: (round: SignInRound) => number) => median(own.map(pick))
    const ofServer = (pick: (round: SignInRound) => number | null) => {
      const values = own.map(pick).filter((value) => value !== null)
      return values.length > 0 ? median(values) : null
    }
    const canRead = own.every(({ readsPerCpuSecond }) => readsPerCpuSecond !== null)
    const share = (pick: (round: SignInRound) => number | null) =>
      median(
        rounds.map((round) => {
          const [one, barest] = [target, BAREST].map((name) => round.find((result) => result.target === name))
          return ((one && pick(one)) ?? Number.NaN) / ((barest && pick(barest)) ?? Number.NaN)
        }),
      )
    return {
      target,
      perSecond: of((round) => round.perSecond),
      perCpuSecond: of((round) => round.perCpuSecond),
      newUsersPerCpuSecond: of((round) => round.newUsersPerCpuSecond),
      addedAloneMs: of((round) => round.addedAloneMs),
      addedMs: of((round) => round.addedMs),
      p99Ms: of((round) => round.p99Ms),
      redisMicroseconds: ofServer((round) => round.redisMicroseconds),
      sqlMicroseconds: ofServer((round) => round.sqlMicroseconds),
      readsPerCpuSecond: canRead ? of((round) => round.readsPerCpuSecond ?? Number.NaN) : null,
      ofBarest: share((round) => round.perCpuSecond),
      readsOfBarest: canRead ? share((round) => round.readsPerCpuSecond) : null,
      trips: trips[target] ?? { wechat: Number.NaN, redis: Number.NaN, sql: Number.NaN },
    }
  })
}

export function toSignInTable({ machine, rounds, signIns, columns, refused, starts }: SignInReport): string {
  const whole = (value: number) => Math.round(value).toLocaleString('en')
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const lines = [`${machine}; median of ${rounds} rounds of ${whole(signIns)} sign-ins`]
  for (const { name, targets } of columns) {
    lines.push(
      '',
      `| ${name} | a CPU second | of the barest | new users a CPU second | added, one caller | added, 20 callers | p99, 20 callers | asks WeChat, Redis, SQL | CPU of Redis, SQL |`,
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...targets.map((target) => {
        const { trips } = target
        const asks = [trips.wechat, trips.redis, trips.sql].map((count) => count.toFixed(1)).join(', ')
        const servers = [target.redisMicroseconds, target.sqlMicroseconds]
          .map((value) => (value === null ? '–' : `${whole(value)} µs`))
          .join(', ')
        const latencies = [target.addedAloneMs, target.addedMs, target.p99Ms].map(ms).join(' | ')
        return `| ${target.target} | ${whole(target.perCpuSecond)} | ${target.ofBarest.toFixed(2)} | ${whole(target.newUsersPerCpuSecond)} | ${latencies} | ${asks} | ${servers} |`
      }),
    )
  }
  lines.push('', ...toReadsTable(columns))
  const ours = columns.find(({ name }) => name === 'Redis + PostgreSQL')?.targets.find(({ target }) => target === OURS)
  if (ours) {
    lines.push(
      '',
      '| goal, on Redis + PostgreSQL | wanted | reached |',
      '| --- | ---: | ---: |',
      `| sign-ins a CPU second, at least | 2,200 | ${whole(ours.perCpuSecond)} |`,
      `| of the barest, at least | 0.60 | ${ours.ofBarest.toFixed(2)} |`,
      `| added to the upstream, one caller, at most | 2.0 ms | ${ms(ours.addedAloneMs)} |`,
    )
  }
  lines.push('', ...toStartsTable('start, on Redis + PostgreSQL', starts))
  if (refused > 0)
    lines.push(
      '',
      `The machine was busy: ${whole(refused)} sign-ins were refused with a 503 or 504, which are not counted.`,
    )
  return `${lines.join('\n')}\n`
}

/** `GET /v1/me`: the session and its user are read. */
function toReadsTable(columns: readonly ColumnReport[]): string[] {
  const rows = columns.flatMap(({ name, targets }) =>
    targets.flatMap(({ target, readsPerCpuSecond, readsOfBarest }) =>
      readsPerCpuSecond === null || readsOfBarest === null
        ? []
        : `| ${name} | ${target} | ${Math.round(readsPerCpuSecond).toLocaleString('en')} | ${readsOfBarest.toFixed(2)} |`,
    ),
  )
  return ['| `GET /v1/me` | | a CPU second | of the barest |', '| --- | --- | ---: | ---: |', ...rows]
}

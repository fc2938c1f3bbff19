// A gateway answers 401 for reasons of its own, and every phone polls it: what this costs the service.
import { setTimeout as sleep } from 'node:timers/promises'
import { isAuthError } from '@weapp-auth/client'
import { cpuSecondsBetween, type ServerCpu } from './server-cpu.ts'

/** A phone that polls an address which answers 401 although its session is good. */
export interface PollingPhone {
  /** One request to that address. */
  pollForeign(): Promise<unknown>
}

export interface ForeignOptions {
  /** Each phone polls this often. */
  everyMs: number
  /** And so many times. */
  times: number
  /** How long PostgreSQL may take to count what it was asked. 0: statements are not counted. */
  countingMs: number
  /** How often the service was asked `GET /v1/session` so far. */
  questions: () => number
  /** How many statements PostgreSQL has run so far. */
  statements: () => Promise<number>
  cpu: () => ServerCpu | null
  /** How many codes WeChat has been asked about so far. */
  exchanges: () => number
}

export interface Foreign {
  everyMs: number
  polls: number
  tookMs: number
  /** Polls that ended in another way than `unauthorized`, by the client's error code; `accepted` is none. */
  surprises: Record<string, number>
  /** How often the phones asked `GET /v1/session`. */
  questions: number
  exchanges: number
  /** The service's own pings among them. Null: not counted. */
  statements: number | null
  /** Of the service; NaN where the system does not tell it. */
  cpuSeconds: number
}

/** The client believes an answer for 10 s, then for 20, 40 and 60 s. */
const BELIEVED_MS = [10_000, 20_000, 40_000, 60_000]

/** Statements of the service itself: one ping a second at most. */
const PINGS_PER_MS = 1 / 1_000

export async function pollForeign401(phones: readonly PollingPhone[], options: ForeignOptions): Promise<Foreign> {
  const { everyMs, times, countingMs, questions, statements, cpu, exchanges } = options
  const surprises: Record<string, number> = {}
  async function count(): Promise<number | null> {
    if (!countingMs) return null
    await sleep(countingMs)
    return statements()
  }

  const before = {
    questions: questions(),
    statements: await count(),
    cpu: cpu(),
    exchanges: exchanges(),
  }
  const begunMs = performance.now()
  await Promise.all(
    phones.map(async (phone, index) => {
      // Not all at once, but each at its own time of the period.
      await sleep((index / phones.length) * everyMs)
      for (let n = 0; n < times; n++) {
        const startMs = performance.now()
        const outcome = await phone.pollForeign().then(() => 'accepted', codeOf)
        if (outcome !== 'unauthorized') surprises[outcome] = (surprises[outcome] ?? 0) + 1
        await sleep(Math.max(0, startMs + everyMs - performance.now()))
      }
    }),
  )
  const tookMs = performance.now() - begunMs
  const cpuAfter = cpu()
  const statementsAfter = await count()
  return {
    everyMs,
    polls: phones.length * times,
    tookMs,
    surprises,
    questions: questions() - before.questions,
    exchanges: exchanges() - before.exchanges,
    statements: statementsAfter === null ? null : statementsAfter - Number(before.statements),
    cpuSeconds: cpuSecondsBetween(before.cpu, cpuAfter),
  }
}

/** The most that one phone may ask in this time: at once, then after 10, 30 and 70 s, then each minute. */
function mostQuestions(ms: number): number {
  let count = 1
  let atMs = BELIEVED_MS[0] ?? 0
  while (atMs <= ms) atMs += BELIEVED_MS[Math.min(count++, BELIEVED_MS.length - 1)] ?? ms
  return count
}

function codeOf(error: unknown): string {
  return isAuthError(error) ? error.code : String(error)
}

/** What must be true of it, in words; empty when all of it is. */
export function findForeignFaults(foreign: Foreign, phones: number): string[] {
  const { surprises, questions, exchanges, statements, tookMs } = foreign
  const faults: string[] = []
  const outcomes = Object.entries(surprises).map(([code, count]) => `${count} ${code}`)
  if (outcomes.length > 0) faults.push(`a 401 of the gateway ended as ${outcomes.join(', ')}`)
  if (exchanges > 0) faults.push(`${exchanges} logins because of a 401 that was not about the session`)
  if (questions > phones * mostQuestions(tookMs)) faults.push(`${questions} questions of ${phones} phones`)
  if (statements !== null && statements > questions + 20 + tookMs * PINGS_PER_MS)
    faults.push(`${statements} statements for ${questions} questions`)
  return faults
}

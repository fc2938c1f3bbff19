// A gateway answers 401 for reasons of its own, and every phone polls it: what this costs the service.
import { setTimeout as sleep } from 'node:timers/promises'
import { isAuthError } from '@weapp-auth/client'
import { cpuSecondsBetween, type ServerCpu } from './server-cpu.ts'

/** `GET /v1/session`, asked by a phone. Both times are those of `performance.now()`. */
export interface Question {
  askedMs: number
  /** When it was answered that the session lives. Null: there was no such answer. */
  answeredMs: number | null
}

/** A phone that polls an address which answers 401 although its session is good. */
export interface PollingPhone {
  /** What it has asked so far, in order. */
  questions: readonly Question[]
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
  /** Questions whose answer did not say whether the session lives. The machine was too busy, and the phone asks again. */
  unanswered: number
  /** Questions of a phone that was told shortly before, so that it had to believe that answer. */
  early: number
  exchanges: number
  /** How many statements the database got, the service's own pings included. Null: not counted. */
  statements: number | null
  /** How long the statements were counted, in milliseconds. */
  countedMs: number
  /** Of the service; NaN where the system does not tell it. */
  cpuSeconds: number
}

/** The client believes an answer for 10 s, then for 20, 40 and 60 s. */
const BELIEVED_MS = [10_000, 20_000, 40_000, 60_000]

/** A timer may be early by this much. */
const TIMER_MS = 5

/** The service reads a user for `GET /v1/session` at most once in this time. */
const READ_EVERY_MS = 10_000

/** Statements of the service itself: one ping a second at most. */
const PINGS_PER_MS = 1 / 1_000

export async function pollForeign401(phones: readonly PollingPhone[], options: ForeignOptions): Promise<Foreign> {
  const { everyMs, times, countingMs, statements, cpu, exchanges } = options
  const surprises: Record<string, number> = {}
  async function count(): Promise<number | null> {
    if (!countingMs) return null
    await sleep(countingMs)
    return statements()
  }

  const before = {
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
    questions: phones.reduce((sum, phone) => sum + phone.questions.length, 0),
    unanswered: phones.reduce((sum, phone) => sum + phone.questions.filter(isUnanswered).length, 0),
    early: phones.reduce((sum, phone) => sum + countEarly(phone.questions), 0),
    exchanges: exchanges() - before.exchanges,
    statements: statementsAfter === null ? null : statementsAfter - Number(before.statements),
    countedMs: tookMs + countingMs,
    cpuSeconds: cpuSecondsBetween(before.cpu, cpuAfter),
  }
}

function isUnanswered({ answeredMs }: Question): boolean {
  return answeredMs === null
}

/**
 * An answer is good for longer each time. What has no answer, on a busy machine, may be asked again at once, and the next answer is
 * good for as long as the first one.
 */
function countEarly(questions: readonly Question[]): number {
  let believedUntilMs = 0
  let answers = 0
  let early = 0
  for (const { askedMs, answeredMs } of questions) {
    if (askedMs < believedUntilMs - TIMER_MS) early++
    if (answeredMs === null) {
      answers = 0
      continue
    }
    believedUntilMs = answeredMs + (BELIEVED_MS[Math.min(answers++, BELIEVED_MS.length - 1)] ?? 0)
  }
  return early
}

function codeOf(error: unknown): string {
  return isAuthError(error) ? error.code : String(error)
}

/** What must be true of it, in words; empty when all of it is. */
export function findForeignFaults(foreign: Foreign, phones: number): string[] {
  const { surprises, questions, early, exchanges, statements, tookMs, countedMs } = foreign
  const faults: string[] = []
  const outcomes = Object.entries(surprises).map(([code, count]) => `${count} ${code}`)
  if (outcomes.length > 0) faults.push(`a 401 of the gateway ended as ${outcomes.join(', ')}`)
  if (exchanges > 0) faults.push(`${exchanges} logins because of a 401 that was not about the session`)
  if (early > 0) faults.push(`${early} questions although the answer before was still good`)
  const reads = Math.min(questions, phones * (1 + Math.floor(tookMs / READ_EVERY_MS)))
  if (statements !== null && statements > reads + 20 + countedMs * PINGS_PER_MS)
    faults.push(`${statements} statements for ${questions} questions of ${phones} phones`)
  return faults
}

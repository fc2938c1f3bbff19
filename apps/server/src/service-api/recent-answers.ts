import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { CHANNELS, type FinishedCall } from '@weapp-auth/fastify'

const MINUTE_MS = 60_000
const MINUTES = 60

/** How often one call of WeChat's API had one outcome. */
export interface AnswerCount {
  operation: string
  /** `ok`, `refused` (an errcode), or the code of the problem when there was no answer. */
  outcome: string
  errcode?: number
  count: number
}

/** Counts of WeChat's answers in the last hour. */
export interface RecentAnswers {
  list(): AnswerCount[]
  close(): void
}

/** Counts how WeChat answers this process from now on, minute by minute for an hour. */
export function countRecentAnswers(now: () => number = Date.now): RecentAnswers {
  const minutes = new Map<number, Map<string, AnswerCount>>()
  const thisMinute = () => Math.floor(now() / MINUTE_MS)

  const count = (message: unknown) => {
    const { target, operation, outcome, errcode } = message as FinishedCall
    if (target !== 'wechat') return
    const minute = thisMinute()
    forgetBefore(minute - MINUTES)
    const counts = minutes.get(minute) ?? new Map<string, AnswerCount>()
    minutes.set(minute, counts)
    add(counts, { operation, outcome, ...(typeof errcode === 'number' && { errcode }), count: 1 })
  }
  subscribe(CHANNELS.calls, count)

  return {
    list() {
      forgetBefore(thisMinute() - MINUTES)
      const total = new Map<string, AnswerCount>()
      for (const counts of minutes.values()) for (const each of counts.values()) add(total, each)
      return [...total.values()].sort((a, b) => b.count - a.count)
    },
    close: () => void unsubscribe(CHANNELS.calls, count),
  }

  /** Also forgets minutes in the future, which are left when the clock is put back. */
  function forgetBefore(oldest: number): void {
    for (const minute of minutes.keys()) if (minute <= oldest || minute > oldest + MINUTES) minutes.delete(minute)
  }
}

function add(counts: Map<string, AnswerCount>, { count, ...answer }: AnswerCount): void {
  const key = `${answer.operation} ${answer.outcome} ${answer.errcode}`
  counts.set(key, { ...answer, count: (counts.get(key)?.count ?? 0) + count })
}

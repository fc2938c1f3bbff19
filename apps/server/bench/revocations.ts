import { percentile } from './statistics.ts'
import type { Target } from './target.ts'

/** SESSION_CACHE_MS of both processes. */
export const CACHE_MS = 2_000

/** How long a session that one process ended is still let in by another that remembered it, in milliseconds. */
export interface Revocations {
  sessions: number
  /** How many were refused at the first request after the sign-out was answered. */
  refusedAtOnce: number
  p50Ms: number
  p99Ms: number
  longestMs: number
}

/** Ends every session of `first` there, once `second` has let it in, and asks `second` until it refuses. */
export async function measureRevocations(first: Target, second: Target): Promise<Revocations> {
  const livedOnMs: number[] = []
  for (const headers of first.users) {
    const guard = async () => (await fetch(`${second.url}/orders`, { headers })).status
    if ((await guard()) !== 200) throw new Error('the second process refuses a session of the first')
    const { status } = await fetch(`${first.url}/v1/session`, { method: 'DELETE', headers })
    if (status !== 204) throw new Error(`signing out was answered ${status}`)
    const endedMs = performance.now()
    let letInMs = endedMs
    while ((await guard()) === 200) letInMs = performance.now()
    livedOnMs.push(letInMs - endedMs)
  }
  return {
    sessions: livedOnMs.length,
    refusedAtOnce: livedOnMs.filter((ms) => ms === 0).length,
    p50Ms: percentile(livedOnMs, 0.5),
    p99Ms: percentile(livedOnMs, 0.99),
    longestMs: Math.max(...livedOnMs),
  }
}

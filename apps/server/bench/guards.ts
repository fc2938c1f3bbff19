import { requirePeer } from './peers.ts'
import type { Target } from './target.ts'

const CONNECTIONS = 50
const WARM_UP_SECONDS = 5

export interface Round {
  target: string
  requestsPerSecond: number
  requestsPerCpuSecond: number
  p50Ms: number
  p99Ms: number
}

/** Until the last of what runs hot is compiled; before, a request takes two to four times as long. */
export async function warmUp(targets: readonly Target[]): Promise<void> {
  // Requests that fail make code hot too.
  for (const target of targets) await measureGuard(target, WARM_UP_SECONDS).catch(() => {})
}

/**
 * As {@link measureGuard}, and again while requests fail: a machine that is busy with something else refuses some, and such a round says
 * nothing.
 *
 * @param o `onAgain` is told why a round is measured again
 */
export async function measurePatiently(
  target: Target,
  seconds: number,
  o: { tries: number; onAgain: (error: Error) => void },
): Promise<Round> {
  for (let tries = 1; ; tries++) {
    try {
      return await measureGuard(target, seconds)
    } catch (error) {
      if (tries === o.tries) throw error
      o.onAgain(error as Error)
    }
  }
}

/** Loads the route of one target for some seconds, and counts by the CPU time that took. */
export async function measureGuard(target: Target, seconds: number): Promise<Round> {
  const before = await target.cpuSeconds()
  const result = await requirePeer('autocannon')({
    url: `${target.url}/orders`,
    connections: CONNECTIONS,
    duration: seconds,
    sampleInt: 50, // Also how soon it notices that the time is over.
    requests: target.users.map((headers) => ({ method: 'GET', path: '/orders', headers })),
  })
  const cpuSeconds = (await target.cpuSeconds()) - before
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${target.name}: ${failed} of ${result.requests.total} requests failed`)
  return {
    target: target.name,
    requestsPerSecond: result.requests.total / result.duration,
    requestsPerCpuSecond: result.requests.total / cpuSeconds,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  }
}

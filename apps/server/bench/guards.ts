import { requirePeer } from './peers.ts'
import type { Target } from './target.ts'

const CONNECTIONS = 50

export interface Round {
  target: string
  requestsPerSecond: number
  requestsPerCpuSecond: number
  p50Ms: number
  p99Ms: number
}

/** Loads the route of one target for some seconds, and counts by the CPU time that took. */
export async function measureGuard(target: Target, seconds: number): Promise<Round> {
  const before = await target.cpuSeconds()
  const result = await requirePeer('autocannon')({
    url: `${target.url}/orders`,
    connections: CONNECTIONS,
    duration: seconds,
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

import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { percentile } from './statistics.ts'
import type { Target } from './target.ts'

const CALLERS = 20
/** So many for a latency one at a time. */
const ALONE = 150

/** How often a target answered 503; none of these is counted as a sign-in. */
export const refused = { count: 0 }

/** One target in one round. */
export interface SignInRound {
  target: string
  perSecond: number
  /** By the CPU time of the target's own process. */
  perCpuSecond: number
  /** The same for users who were never seen before. */
  newUsersPerCpuSecond: number
  /** What a sign-in takes beyond the upstream's own answer, at the median: one at a time, and with 20 callers. */
  addedAloneMs: number
  addedMs: number
  p99Ms: number
}

/** The upstream, and the users who log in to it. */
export interface Upstream {
  /** Codes of users: each is good for one sign-in. */
  codes(count: number, kind: 'known' | 'new'): Promise<string[]>
  signIn(target: Target, codes: readonly string[], callers: number): Promise<number[]>
  /** Asks the upstream alone, as a target does; the latencies in milliseconds. */
  exchange(codes: readonly string[], callers: number): Promise<number[]>
  close(): void
}

export function createUpstream(wechat: Target): Upstream {
  const [{ appid = '', secret = '', codes = '' } = {}] = wechat.users
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS })
  return {
    codes: async (count, kind) => (await fetch(`${codes}?count=${count}&kind=${kind}`)).json() as Promise<string[]>,
    signIn: (target, each, callers) =>
      run(each, callers, (code) =>
        send(agent, 'POST', `${target.url}/v1/sessions`, 201, JSON.stringify({ appid, code })),
      ),
    exchange: (each, callers) =>
      run(each, callers, (code) => {
        const query = new URLSearchParams({ appid, secret, js_code: code, grant_type: 'authorization_code' })
        return send(agent, 'GET', `${wechat.url}/sns/jscode2session?${query}`, 200)
      }),
    close: () => agent.destroy(),
  }
}

/** Lets every known user sign in once, which also lets what runs hot be compiled. */
export async function makeUsersKnown(upstream: Upstream, target: Target, users: number): Promise<void> {
  await upstream.signIn(target, await upstream.codes(users, 'known'), CALLERS)
}

export async function measureSignIns(upstream: Upstream, target: Target, count: number): Promise<SignInRound> {
  const alone = percentile(await upstream.signIn(target, await upstream.codes(ALONE, 'known'), 1), 0.5)
  const upstreamAlone = percentile(await upstream.exchange(await upstream.codes(ALONE, 'known'), 1), 0.5)
  const many = await counted(upstream, target, await upstream.codes(count, 'known'))
  const upstreamMany = await upstream.exchange(await upstream.codes(count, 'known'), CALLERS)
  const fresh = await counted(upstream, target, await upstream.codes(Math.ceil(count / 2), 'new'))
  return {
    target: target.name,
    perSecond: many.perSecond,
    perCpuSecond: many.perCpuSecond,
    newUsersPerCpuSecond: fresh.perCpuSecond,
    addedAloneMs: alone - upstreamAlone,
    addedMs: percentile(many.latencies, 0.5) - percentile(upstreamMany, 0.5),
    p99Ms: percentile(many.latencies, 0.99),
  }
}

async function counted(upstream: Upstream, target: Target, codes: readonly string[]) {
  const cpuSeconds = await target.cpuSeconds()
  const startMs = performance.now()
  const latencies = await upstream.signIn(target, codes, CALLERS)
  const seconds = (performance.now() - startMs) / 1000
  const cpuSecondsTaken = (await target.cpuSeconds()) - cpuSeconds
  return { latencies, perSecond: latencies.length / seconds, perCpuSecond: latencies.length / cpuSecondsTaken }
}

/** Every code once, by so many callers at a time; the latencies in milliseconds of those that were served. */
async function run(
  codes: readonly string[],
  callers: number,
  ask: (code: string) => Promise<boolean>,
): Promise<number[]> {
  const latencies: number[] = []
  const left = codes.values()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (const code of left) {
        const startMs = performance.now()
        if (await ask(code)) latencies.push(performance.now() - startMs)
        else refused.count++
      }
    }),
  )
  return latencies
}

/** False when the target said that it cannot serve now: its machine is busy with something else. */
async function send(agent: Agent, method: string, url: string, status: number, body?: string): Promise<boolean> {
  const answer = await sendOnce(agent, method, url, body)
  if (answer.status === status) return true
  if (answer.status === 503) return false
  throw new Error(`${method} ${new URL(url).pathname} was answered ${answer.status}: ${answer.text}`)
}

function sendOnce(agent: Agent, method: string, url: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    request(url, { agent, method, headers }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, text: body }), reject)
    })
      .once('error', reject)
      .end(body)
  })
}

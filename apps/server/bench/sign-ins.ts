import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { cpuSecondsBetween, readServerCpu } from './server-cpu.ts'
import { percentile } from './statistics.ts'
import type { Target } from './target.ts'

const CALLERS = 20
/** So many for a latency one at a time. */
const ALONE = 100
/** So many users read themselves, in turns. */
const READERS = 100

/** How often a target answered 503 or 504; none of these is counted as a sign-in. */
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
  /** `GET /v1/me`, by the CPU time of the target's own process; null where the target has no such route. */
  readsPerCpuSecond: number | null
  /** CPU that the servers take for one sign-in of a known user, in microseconds; null where there is none. */
  redisMicroseconds: number | null
  sqlMicroseconds: number | null
}

/** The processes of the servers behind a target. */
export interface Servers {
  redis: number
  sql: number
}

/** The upstream, and the users who log in to it. */
export interface Upstream {
  /** Codes of users: each is good for one sign-in. */
  codes(count: number, kind: 'known' | 'new'): Promise<string[]>
  signIn(target: Target, codes: readonly string[], callers: number): Promise<number[]>
  /** Signs in with each code, and gives the tokens. */
  tokens(target: Target, codes: readonly string[]): Promise<string[]>
  /** `GET /v1/me` with each token; the latencies in milliseconds. */
  readMe(target: Target, tokens: readonly string[], callers: number): Promise<number[]>
  /** Asks the upstream alone, as a target does; the latencies in milliseconds. */
  exchange(codes: readonly string[], callers: number): Promise<number[]>
  close(): void
}

export function createUpstream(wechat: Target): Upstream {
  const [{ appid = '', secret = '', codes = '' } = {}] = wechat.users
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS })
  return {
    codes: async (count, kind) => (await fetch(`${codes}?count=${count}&kind=${kind}`)).json() as Promise<string[]>,
    signIn: (target, each, callers) => run(each, callers, (code) => send(agent, signInOf(target, code))),
    tokens: async (target, each) => {
      const answers = await Promise.all(each.map((code) => sendOnce(agent, signInOf(target, code))))
      return answers.flatMap(({ status, text }) => (status === 201 ? String(JSON.parse(text).token) : []))
    },
    readMe: (target, tokens, callers) =>
      run(tokens, callers, (token) => {
        const headers = { authorization: `Bearer ${token}` }
        return send(agent, { method: 'GET', url: `${target.url}/v1/me`, status: 200, headers })
      }),
    exchange: (each, callers) =>
      run(each, callers, (code) => {
        const query = new URLSearchParams({ appid, secret, js_code: code, grant_type: 'authorization_code' })
        return send(agent, { method: 'GET', url: `${wechat.url}/sns/jscode2session?${query}`, status: 200 })
      }),
    close: () => agent.destroy(),
  }

  function signInOf(target: Target, code: string): Request {
    const body = JSON.stringify({ appid, code })
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    return { method: 'POST', url: `${target.url}/v1/sessions`, status: 201, headers, body }
  }
}

/** Lets every known user sign in once, which also lets what runs hot be compiled. */
export async function makeUsersKnown(upstream: Upstream, target: Target, users: number): Promise<void> {
  await upstream.signIn(target, await upstream.codes(users, 'known'), CALLERS)
}

/** @param canRead the target answers `GET /v1/me` */
export async function measureSignIns(
  upstream: Upstream,
  target: Target,
  { count, canRead, servers }: { count: number; canRead: boolean; servers: Servers | null },
): Promise<SignInRound> {
  const alone = percentile(await upstream.signIn(target, await upstream.codes(ALONE, 'known'), 1), 0.5)
  const upstreamAlone = percentile(await upstream.exchange(await upstream.codes(ALONE, 'known'), 1), 0.5)
  const known = await upstream.codes(count, 'known')
  const pids = servers ? [servers.redis, servers.sql] : []
  const before = pids.map(readServerCpu)
  const many = await counted(target, () => upstream.signIn(target, known, CALLERS))
  const [redis = null, sql = null] = pids.map(
    (pid, index) => (1e6 * cpuSecondsBetween(before[index] ?? null, readServerCpu(pid))) / count,
  )
  const upstreamMany = await upstream.exchange(await upstream.codes(count, 'known'), CALLERS)
  const unknown = await upstream.codes(Math.ceil(count / 2), 'new')
  const fresh = await counted(target, () => upstream.signIn(target, unknown, CALLERS))
  const reads = canRead ? await measureReads(upstream, target, count) : null
  return {
    target: target.name,
    perSecond: many.perSecond,
    perCpuSecond: many.perCpuSecond,
    newUsersPerCpuSecond: fresh.perCpuSecond,
    addedAloneMs: alone - upstreamAlone,
    addedMs: percentile(many.latencies, 0.5) - percentile(upstreamMany, 0.5),
    p99Ms: percentile(many.latencies, 0.99),
    readsPerCpuSecond: reads?.perCpuSecond ?? null,
    redisMicroseconds: redis,
    sqlMicroseconds: sql,
  }
}

/** CPU time of the target's own process for one request, in microseconds: a sign-in of a known user, or a `GET /v1/me`. */
export async function measureCpu(
  upstream: Upstream,
  target: Target,
  { count, what }: { count: number; what: 'sign-in' | 'read' },
): Promise<number> {
  if (what === 'read') return 1e6 / (await measureReads(upstream, target, count)).perCpuSecond
  const codes = await upstream.codes(count, 'known')
  return 1e6 / (await counted(target, () => upstream.signIn(target, codes, CALLERS))).perCpuSecond
}

async function measureReads(upstream: Upstream, target: Target, count: number) {
  const tokens = await upstream.tokens(target, await upstream.codes(READERS, 'known'))
  const inTurns = Array.from({ length: count }, (_, index) => tokens[index % tokens.length] ?? '')
  return counted(target, () => upstream.readMe(target, inTurns, CALLERS))
}

async function counted(target: Target, load: () => Promise<number[]>) {
  const cpuSeconds = await target.cpuSeconds()
  const startMs = performance.now()
  const latencies = await load()
  const seconds = (performance.now() - startMs) / 1000
  const cpuSecondsTaken = (await target.cpuSeconds()) - cpuSeconds
  return { latencies, perSecond: latencies.length / seconds, perCpuSecond: latencies.length / cpuSecondsTaken }
}

/** Each once, by so many callers at a time; the latencies in milliseconds of those that were served. */
async function run(
  each: readonly string[],
  callers: number,
  ask: (one: string) => Promise<boolean>,
): Promise<number[]> {
  const latencies: number[] = []
  const left = each.values()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (const one of left) {
        const startMs = performance.now()
        if (await ask(one)) latencies.push(performance.now() - startMs)
        else refused.count++
      }
    }),
  )
  return latencies
}

interface Request {
  method: string
  url: string
  /** What the answer must have. */
  status: number
  headers?: Record<string, string | number>
  body?: string
}

/** False when the target answered that it or its upstream cannot serve now, because the machine is busy with something else. */
async function send(agent: Agent, asked: Request): Promise<boolean> {
  const answer = await sendOnce(agent, asked)
  if (answer.status === asked.status) return true
  if (answer.status === 503 || answer.status === 504) return false
  throw new Error(`${asked.method} ${new URL(asked.url).pathname} was answered ${answer.status}: ${answer.text}`)
}

function sendOnce(
  agent: Agent,
  { method, url, headers = {}, body }: Request,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request(url, { agent, method, headers }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, text: body }), reject)
    })
      .once('error', reject)
      .end(body)
  })
}

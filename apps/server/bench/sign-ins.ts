import { Agent, request } from 'node:http'
import { percentile } from './statistics.ts'
import type { Target } from './target.ts'

const CALLERS = 20

export interface SignIns {
  signInsPerSecond: number
  /** By the CPU time of the service alone. */
  signInsPerCpuSecond: number
  p50Ms: number
  p99Ms: number
  /** What the upstream's answer alone takes. */
  upstreamP50Ms: number
  upstreamP99Ms: number
  /** Of one sign-in after the other, so that nothing waits for anything else. */
  addedP50Ms: number
}

/** Signs `count` users in, each with a code of their own, and asks the upstream as often by itself. */
export async function measureSignIns(service: Target, wechat: Target, count: number): Promise<SignIns> {
  const [{ appid = '', secret = '', codes = '' } = {}] = wechat.users
  const take = async (n: number): Promise<string[]> => (await fetch(`${codes}?count=${n}`)).json() as Promise<string[]>
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS })
  const signIn = (code: string) =>
    send(agent, 'POST', `${service.url}/v1/sessions`, 201, JSON.stringify({ appid, code }))
  const exchange = (code: string) => {
    const query = new URLSearchParams({ appid, secret, js_code: code, grant_type: 'authorization_code' })
    return send(agent, 'GET', `${wechat.url}/sns/jscode2session?${query}`, 200)
  }
  await run(signIn, await take(200), CALLERS) // Warm.
  const alone = { own: await run(signIn, await take(300), 1), upstream: await run(exchange, await take(300), 1) }
  const cpuSeconds = await service.cpuSeconds()
  const startMs = performance.now()
  const latencies = await run(signIn, await take(count), CALLERS)
  const seconds = (performance.now() - startMs) / 1000
  const cpuSecondsTaken = (await service.cpuSeconds()) - cpuSeconds
  const upstream = await run(exchange, await take(count), CALLERS)
  agent.destroy()
  return {
    signInsPerSecond: count / seconds,
    signInsPerCpuSecond: count / cpuSecondsTaken,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    upstreamP50Ms: percentile(upstream, 0.5),
    upstreamP99Ms: percentile(upstream, 0.99),
    addedP50Ms: percentile(alone.own, 0.5) - percentile(alone.upstream, 0.5),
  }
}

/** Every code once, by so many callers at a time; the latencies in milliseconds. */
async function run(ask: (code: string) => Promise<void>, codes: string[], callers: number): Promise<number[]> {
  const latencies: number[] = []
  const left = codes.values()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (const code of left) {
        const startMs = performance.now()
        await ask(code)
        latencies.push(performance.now() - startMs)
      }
    }),
  )
  return latencies
}

function send(agent: Agent, method: string, url: string, status: number, body?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    request(url, { agent, method, headers }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode === status) resolve()
        else reject(new Error(`${method} ${new URL(url).pathname} was answered ${response.statusCode}`))
      })
    })
      .once('error', reject)
      .end(body)
  })
}

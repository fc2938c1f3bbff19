import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAuthError } from '@weapp-auth/client'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { startPostgres, startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { Pool } from 'undici'
import { countExchanges, type Exchanges } from './exchanges.ts'
import { type Foreign, type ForeignOptions, findForeignFaults, pollForeign401 } from './foreign-401.ts'
import { createLoadPhone, noTraffic, type Phone, type Traffic } from './load-phone.ts'
import { patiently } from './patiently.ts'
import { cpuSecondsBetween, readServerCpu } from './server-cpu.ts'
import { percentile } from './statistics.ts'

export interface StormOptions {
  phones: number
  /** Each phone sends a request this often. */
  periodMs: number
  /** Before Redis is emptied, each phone polls an address that answers 401 for reasons of its own. */
  foreign: Pick<ForeignOptions, 'everyMs' | 'times' | 'countingMs'>
  progress(line: string): void
}

export interface Storm extends Traffic {
  phones: number
  periodMs: number
  foreign: Foreign
  /** Requests after Redis was emptied. */
  requests: number
  /** Those that failed, by the client's error code; the app would have shown something and asked again. */
  failures: Record<string, number>
  /** Those that never ended. */
  pending: number
  /** Exchanges with WeChat after Redis was emptied, and the most of one user. */
  exchanges: number
  exchangesOfOneUser: number
  /** Phones that have had no good answer two minutes later. */
  notBack: number
  /** From the first request that a phone sent after Redis was emptied to its first good answer. */
  backP50Ms: number
  backP99Ms: number
  /** From emptying Redis to the moment when the last phone has had a good answer. */
  normalAfterMs: number
  /** CPU seconds that each program took from then to then: the phones with WeChat and the proxy, and what serves them. */
  cpuSeconds: Record<'phones' | 'service' | 'redis' | 'postgres', number>
}

/** Longer than any call of the client can take. */
const GIVE_UP_MS = 120_000
const SIGN_INS_AT_A_TIME = 100
const PROXY_CONNECTIONS = 200

export async function runStorm({ phones: count, periodMs, foreign, progress }: StormOptions): Promise<Storm> {
  const closers: (() => unknown)[] = []
  try {
    const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-storm-'))
    closers.push(() => rmSync(dataDir, { recursive: true, force: true }))
    const redis = await startRedis()
    closers.push(redis.stop)
    const postgres = await startPostgres()
    closers.push(postgres.stop)
    const world = createWorld()
    const exchanges = countExchanges(world)
    const wechat = await startWechat(world)
    closers.push(wechat.close)
    const [app = { appid: '', secret: '' }] = world.apps
    const service = await startService({
      DATA_DIR: dataDir,
      WECHAT_APPID: app.appid,
      WECHAT_SECRET: app.secret,
      WECHAT_API_BASE_URL: wechat.baseUrl,
      REDIS_URL: redis.url,
      DATABASE_URL: postgres.url,
      SESSION_KEY_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      TRUST_PROXY: '127.0.0.1/32',
    })
    closers.push(service.stop)

    const proxy = new Pool(service.url, { connections: PROXY_CONNECTIONS })
    closers.push(() => proxy.destroy())
    const traffic = noTraffic()
    const phones = Array.from({ length: count }, (_, index) =>
      createLoadPhone({ world, proxy, service, index, traffic }),
    )
    await signInAll(phones, progress)
    const database = new Client({ connectionString: postgres.url })
    await database.connect()
    closers.push(() => database.end())
    progress('every phone polls an address that answers 401 for reasons of its own')
    const polled = await pollForeign401(phones, {
      ...foreign,
      statements: () => countStatements(database),
      cpu: () => readServerCpu(service.pid),
      exchanges: exchanges.total,
    })
    const admin = new Redis(redis.url)
    closers.push(() => admin.disconnect())
    const pids = { service: service.pid, redis: redis.pid, postgres: postgres.pid }
    const storm = await empty(phones, { periodMs, progress, pids, exchanges, traffic, flush: () => admin.flushall() })
    return { ...storm, foreign: polled }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

interface Service {
  url: string
  pid: number
  stop(): Promise<unknown>
}

/** The built service, as an operator starts it behind a proxy. */
async function startService(env: Record<string, string>): Promise<Service> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../bundle/main.js')], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  const stop = () => {
    child.kill()
    return ended
  }
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /^weapp-auth: .*\bon (http:\S+)$/.exec(line)?.[1]
    if (!url) continue
    while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(100)
    return { url, pid: child.pid as number, stop }
  }
  throw new Error(`the service ended (${await ended}) before it served`)
}

/** Each statement of the service is a transaction of its own. */
async function countStatements(database: Client): Promise<number> {
  const { rows } = await database.query(
    'SELECT xact_commit::int AS count FROM pg_stat_database WHERE datname = current_database()',
  )
  return rows[0]?.count ?? 0
}

async function signInAll(phones: readonly Phone[], progress: StormOptions['progress']): Promise<void> {
  const left = phones.values()
  let done = 0
  await Promise.all(
    Array.from({ length: SIGN_INS_AT_A_TIME }, async () => {
      for (const phone of left) {
        await patiently(phone.signIn)
        if (++done % 1000 === 0) progress(`${done} phones have signed in`)
      }
    }),
  )
}

type Pids = Record<Exclude<keyof Storm['cpuSeconds'], 'phones'>, number>

interface Emptying extends Pick<StormOptions, 'periodMs' | 'progress'> {
  pids: Pids
  exchanges: Exchanges
  traffic: Traffic
  flush(): Promise<unknown>
}

async function empty(
  phones: readonly Phone[],
  { periodMs, progress, pids, exchanges, traffic, flush }: Emptying,
): Promise<Omit<Storm, 'foreign'>> {
  const failures: Record<string, number> = {}
  const backMs: number[] = []
  let requests = 0
  let pending = 0
  /** Phones do not ask all at once, but each at its own time of the period. */
  const each = (act: (phone: Phone) => Promise<void>) =>
    Promise.all(
      phones.map(async (phone, index) => {
        await sleep((index / phones.length) * periodMs)
        await act(phone)
      }),
    )

  async function ask(phone: Phone): Promise<boolean> {
    requests++
    pending++
    const asked = phone.ask().then(
      () => 'good',
      (error) => (isAuthError(error) ? error.code : String(error)),
    )
    const outcome = await Promise.race([asked, sleep(GIVE_UP_MS, 'pending', { ref: false })])
    if (outcome === 'pending') return false
    pending--
    if (outcome !== 'good') failures[outcome] = (failures[outcome] ?? 0) + 1
    return outcome === 'good'
  }

  progress('every phone sends a request')
  await each((phone) => patiently(phone.ask))
  exchanges.takeByUser()
  Object.assign(traffic, noTraffic())
  await flush()
  progress('Redis is empty')
  const emptiedMs = performance.now()
  const ownCpuBefore = process.cpuUsage()
  const cpuBefore = readCpu(pids)
  await each(async (phone) => {
    const startMs = performance.now()
    while (!(await ask(phone))) {
      if (performance.now() - emptiedMs > GIVE_UP_MS) return
      await sleep(periodMs)
    }
    backMs.push(performance.now() - startMs)
    if (backMs.length % 1000 === 0) progress(`${backMs.length} phones are back`)
  })
  const normalAfterMs = performance.now() - emptiedMs
  const { user, system } = process.cpuUsage(ownCpuBefore)
  const cpuAfter = readCpu(pids)
  const cpuSecondsOf = (name: keyof Pids) => cpuSecondsBetween(cpuBefore[name], cpuAfter[name])

  const byUser = exchanges.takeByUser()
  return {
    phones: phones.length,
    periodMs,
    requests,
    failures,
    pending,
    exchanges: byUser.reduce((sum, n) => sum + n, 0),
    exchangesOfOneUser: Math.max(...byUser),
    ...traffic,
    notBack: phones.length - backMs.length,
    backP50Ms: percentile(backMs, 0.5),
    backP99Ms: percentile(backMs, 0.99),
    normalAfterMs,
    cpuSeconds: {
      phones: (user + system) / 1e6,
      service: cpuSecondsOf('service'),
      redis: cpuSecondsOf('redis'),
      postgres: cpuSecondsOf('postgres'),
    },
  }
}

function readCpu({ service, redis, postgres }: Pids) {
  return {
    service: readServerCpu(service),
    redis: readServerCpu(redis),
    postgres: readServerCpu(postgres),
  }
}

/** What must be true of every storm, in words; empty when all of it is. How long it took says as much about the machine. */
export function findFaults(storm: Storm): string[] {
  const { phones, pending, notBack, exchanges, failedSignIns, foreign } = storm
  const faults = findForeignFaults(foreign, phones)
  if (pending > 0) faults.push(`${pending} requests never ended`)
  if (notBack > 0) faults.push(`${notBack} phones did not come back`)
  // A sign-in that failed may have spent its code, and the phone then needs another one.
  if (exchanges < phones || exchanges > phones + failedSignIns) {
    faults.push(`${exchanges} exchanges of ${phones} phones, of whose sign-ins ${failedSignIns} failed`)
  }
  return faults
}

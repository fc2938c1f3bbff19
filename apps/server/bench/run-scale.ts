// Measures whether many sessions make anything slower. See README.md.
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  authenticate,
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
  weappAuth,
} from '@weapp-auth/fastify'
import Fastify, { type FastifyInstance } from 'fastify'
import {
  createSession,
  describeRedis,
  type FilledRedis,
  fill,
  IDLE_MS,
  type NewSession,
  progress,
  remove,
  settle,
  startEmptyRedis,
} from './filled-redis.ts'
import { median, percentile, rotate } from './statistics.ts'

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,1000000,5000000' },
    rounds: { type: 'string', default: '25' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const [smallest = 10_000, ...larger] = options.sizes.split(',').map(Number)
const rounds = Number(options.rounds)

/** So many at a time: of one after the other the machine's way of waking processes up would be measured. */
const CALLS_AT_ONCE = 50
const CALLS = 1_000
const SESSIONS_OF_A_USER = [1, 10, 100, 1_000]
const SESSIONS_TO_REVOKE = 1_000
const USERS_TO_REVOKE = 100

/** One of the two that are compared: always with the smallest number of sessions, or with more and more. */
interface Side {
  filled: FilledRedis
  app: FastifyInstance
  /** Sessions that a round has made; they go when it is over, so that the number stays what it is. */
  made: NewSession[]
}

type Call = () => Promise<unknown>

interface Question {
  what: string
  /** How many sessions it ends. */
  ends?: number
  /** The calls of one round. */
  prepare(side: Side): Promise<Call[]>
}

const QUESTIONS: Question[] = [
  {
    what: 'guard',
    prepare: async ({ filled }) => times(CALLS, () => find(filled)),
  },
  {
    what: 'guarded GET',
    prepare: async (side) => times(CALLS, () => getOrders(side)),
  },
  {
    what: 'sign-in',
    prepare: async ({ filled, made }) =>
      times(CALLS, async () => made.push(await createSession(filled.store, randomUUID()))),
  },
  ...SESSIONS_OF_A_USER.map((ends) => ({
    what: `revoke-all of ${ends.toLocaleString('en')}`,
    ends,
    prepare: async ({ filled: { store }, made }: Side) => {
      const users = Array.from({ length: Math.min(USERS_TO_REVOKE, SESSIONS_TO_REVOKE / ends) }, () => randomUUID())
      const sessions = users.flatMap((user) => times(ends, () => createSession(store, user, { limit: 0 })))
      made.push(...(await inBatches(sessions)))
      return users.map(
        (user) => () => store.revokeAll(user, { nowMs: Date.now(), idleMs: IDLE_MS, reason: 'signed_out_elsewhere' }),
      )
    },
  })),
]

/** What one call costs, in microseconds. */
interface Cost {
  took: number
  /** CPU time of Redis. What else the machine does lengthens the other figure, and this one far less. */
  redisCpu: number
}

interface Result {
  size: number
  what: string
  ends?: number
  small: Cost
  large: Cost
  /** Of large to small, round by round, so that a slow moment of the machine meets both. */
  ratios: Record<keyof Cost, Quartiles>
}

interface Quartiles {
  low: number
  median: number
  high: number
}

const closers: (() => Promise<unknown>)[] = []
try {
  const [small, large] = [await openSide(), await openSide()]
  await fill(small.filled, smallest)
  await settle(small.filled)
  const results: Result[] = []
  for (const size of [smallest, ...larger]) {
    await fill(large.filled, size)
    await settle(large.filled)
    for (const question of QUESTIONS) results.push(await compare(question, small, large))
    progress(`timed at ${size.toLocaleString('en')} sessions`)
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}, ${await describeRedis(large.filled)}`
  const table = toTable(machine, results)
  mkdirSync(options.out, { recursive: true })
  writeFileSync(
    join(options.out, 'scale.json'),
    `${JSON.stringify({ measuredAt: new Date().toISOString(), machine, rounds, results }, null, 2)}\n`,
  )
  writeFileSync(join(options.out, 'scale.md'), table)
  process.stdout.write(`\n${table}\n${options.out}\n`)
} finally {
  for (const close of closers.reverse()) await close()
}

async function openSide(): Promise<Side> {
  const filled = await startEmptyRedis()
  closers.push(filled.stop)
  const db = openSqliteUsers(':memory:')
  closers.push(() => db.destroy())
  await migrateUsers(db)
  const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
  const app = Fastify()
  closers.push(() => app.close())
  await app.register(weappAuth, { apps: [{ appid: 'wx1', secrets: ['unused'] }], sessions: filled.store, users })
  app.get('/orders', { onRequest: authenticate }, async ({ auth }) => ({ ordersOf: auth.userId }))
  return { filled, app, made: [] }
}

async function compare({ what, ends, prepare }: Question, small: Side, large: Side): Promise<Result> {
  const measured: { small: Cost; large: Cost }[] = []
  for (let round = 0; round < rounds; round++) {
    const calls = new Map([
      [small, await prepare(small)],
      [large, await prepare(large)],
    ])
    const costs = new Map<Side, Cost>()
    for (const side of rotate([large, small], round)) {
      costs.set(side, await measure(side, calls.get(side) ?? []))
    }
    for (const { filled, made } of [small, large]) await remove(filled, made.splice(0))
    measured.push({ small: costs.get(small) as Cost, large: costs.get(large) as Cost })
  }
  const medians = (side: 'small' | 'large'): Cost => ({
    took: median(measured.map((round) => round[side].took)),
    redisCpu: median(measured.map((round) => round[side].redisCpu)),
  })
  const ratios = (of: keyof Cost): Quartiles => {
    const all = measured.map((round) => round.large[of] / round.small[of])
    return { low: percentile(all, 0.25), median: median(all), high: percentile(all, 0.75) }
  }
  return {
    size: large.filled.size,
    what,
    ...(ends && { ends }),
    small: medians('small'),
    large: medians('large'),
    ratios: { took: ratios('took'), redisCpu: ratios('redisCpu') },
  }
}

async function measure({ filled }: Side, calls: Call[]): Promise<Cost> {
  const cpuUs = await redisCpuUs(filled)
  const startMs = performance.now()
  await inBatches(calls)
  const tookUs = (performance.now() - startMs) * 1000
  return { took: tookUs / calls.length, redisCpu: ((await redisCpuUs(filled)) - cpuUs) / calls.length }
}

async function redisCpuUs({ redis }: FilledRedis): Promise<number> {
  const info = await redis.info('cpu')
  const seconds = (name: string) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1])
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1e6
}

async function inBatches<T>(calls: readonly (() => Promise<T>)[]): Promise<T[]> {
  const answers: T[] = []
  for (let done = 0; done < calls.length; done += CALLS_AT_ONCE) {
    answers.push(...(await Promise.all(calls.slice(done, done + CALLS_AT_ONCE).map((call) => call()))))
  }
  return answers
}

async function find({ store, sample }: FilledRedis): Promise<void> {
  if (!(await store.find(pick(sample).ref))) throw new Error('a session that should be there is not')
}

/** All that the service does for a request, without a socket. */
async function getOrders({ app, filled }: Side): Promise<void> {
  const headers = { authorization: `Bearer ${pick(filled.sample).token}` }
  const { statusCode } = await app.inject({ url: '/orders', headers })
  if (statusCode !== 200) throw new Error(`the guard answered ${statusCode}`)
}

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T
}

function times<T>(count: number, call: () => Promise<T>): (() => Promise<T>)[] {
  return Array(count).fill(call)
}

function toTable(machine: string, results: readonly Result[]): string {
  const count = (value: number) => value.toLocaleString('en')
  const us = (value: number) => `${value < 100 ? value.toFixed(1) : count(Math.round(value))} µs`
  const ratio = ({ low, median, high }: Quartiles) => `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`
  const sizes = [smallest, ...larger]
  const each = (ends: number) =>
    sizes.map((size) => {
      const cpu = results.find((result) => result.size === size && result.ends === ends)?.large.redisCpu ?? Number.NaN
      return us(cpu / ends)
    })
  const lines = [
    `${machine}; medians of ${rounds} rounds, in brackets the quartiles`,
    '',
    `| sessions | one | takes | beside ${count(smallest)} sessions | CPU of Redis | beside ${count(smallest)} sessions |`,
    '| ---: | --- | ---: | ---: | ---: | ---: |',
    ...results.map(
      ({ size, what, large, ratios }) =>
        `| ${count(size)} | ${what} | ${us(large.took)} | ${ratio(ratios.took)} | ${us(large.redisCpu)} | ${ratio(ratios.redisCpu)} |`,
    ),
    '',
    `| CPU of Redis for each session ended | ${sizes.map((size) => `of ${count(size)}`).join(' | ')} |`,
    `| --- |${' ---: |'.repeat(sizes.length)}`,
    ...SESSIONS_OF_A_USER.map((ends) => `| revoke-all of ${count(ends)} | ${each(ends).join(' | ')} |`),
  ]
  return `${lines.join('\n')}\n`
}

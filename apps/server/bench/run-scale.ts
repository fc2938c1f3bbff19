// Measures what a session takes in Redis, and whether many of them make anything slower. See README.md.
import { hash, randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createRedisSessionStore, type SessionRecord, type SessionStore } from '@weapp-auth/fastify'
import { Redis } from 'ioredis'
import { startRedis } from '../../../scripts/servers/redis.ts'
import { median } from './statistics.ts'

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,1000000,5000000' },
    memory: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '25' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const sizes = options.sizes.split(',').map(Number)
const rounds = Number(options.rounds)

const IDLE_MS = 7_200_000
const LIMIT = 20
const NO_LIMIT = 0
/** Sessions under way to Redis at a time. */
const BATCH = 500
/** So many at a time: of one after the other the machine's way of waking processes up would be measured. */
const CALLS_AT_ONCE = 50
const BATCHES_PER_ROUND = 20
const REVOCATIONS_AT_ONCE = 10
const SESSIONS_OF_A_USER = [1, 10, 100, 1000]
const DEVICE = {
  platform: 'ios',
  model: 'iPhone 15 Pro<iPhone16,1>',
  system: 'iOS 18.1.1',
  wechatVersion: '8.0.53',
  sdkVersion: '3.7.0',
}

interface Bed {
  redis: Redis
  store: SessionStore
  /** How many sessions it holds. */
  size: number
  /** Some of them, from everywhere. */
  sample: SessionRecord[]
}

const closers: (() => Promise<void>)[] = []
try {
  const memory = await measureMemory(Number(options.memory))
  const [smallest = 10_000, ...larger] = sizes
  const [small, large] = [await createBed(), await createBed()]
  await fill(small, smallest)
  await fill(large, smallest)
  const times = [await compareTimes(small, large)]
  for (const size of larger) {
    await fill(large, size)
    times.push(await compareTimes(small, large))
  }
  const report = { machine: `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}`, rounds, memory, times }
  const table = toTable(report)
  mkdirSync(options.out, { recursive: true })
  writeFileSync(join(options.out, 'scale.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(options.out, 'scale.md'), table)
  process.stdout.write(`\n${table}\n${options.out}\n`)
} finally {
  for (const close of closers.reverse()) await close()
}

async function createBed(): Promise<Bed> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  closers.push(server.stop, async () => redis.disconnect())
  return { redis, store: createRedisSessionStore({ redis }), size: 0, sample: [] }
}

interface Memory {
  redisVersion: string
  size: number
  bytes: { device: boolean; bytes: number }[]
}

/** Bytes that Redis takes for one session of a user who has no other, index included. */
async function measureMemory(size: number): Promise<Memory> {
  const bytes: Memory['bytes'] = []
  let redisVersion = ''
  for (const device of [false, true]) {
    const bed = await createBed()
    const before = await usedMemory(bed.redis)
    await fill(bed, size, device)
    bytes.push({ device, bytes: ((await usedMemory(bed.redis)) - before) / size })
    redisVersion = /redis_version:(\S+)/.exec(await bed.redis.info('server'))?.[1] ?? ''
    await bed.redis.flushall()
  }
  return { redisVersion, size, bytes }
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
}

/** Signs users in until there are `size` sessions, one each. */
async function fill(bed: Bed, size: number, withDevice = false): Promise<void> {
  while (bed.size < size) {
    const count = Math.min(BATCH, size - bed.size)
    const records = Array.from({ length: count }, () => newRecord(randomUUID(), withDevice))
    await Promise.all(records.map((record) => create(bed, record)))
    bed.sample.push(...records.slice(0, Math.ceil((10_000 * count) / size)))
    bed.size += count
    if (bed.size % 100_000 < BATCH) progress(`${bed.size.toLocaleString('en')} sessions`)
  }
}

function newRecord(userId: string, withDevice = false): SessionRecord {
  const nowMs = Date.now()
  return {
    id: randomBytes(32).toString('base64url'),
    userId,
    appid: 'wx0123456789abcdef',
    createdAtMs: nowMs,
    lastSeenMs: nowMs,
    ...(withDevice && { device: DEVICE }),
  }
}

function create({ store }: Bed, record: SessionRecord, limit = LIMIT): Promise<unknown> {
  const nowMs = record.createdAtMs
  return store.create(record, { nowMs, expiresAtMs: nowMs + IDLE_MS }, { limit })
}

type Times = Awaited<ReturnType<typeof compareTimes>>

/** What a guard, a sign-in and a sign-out everywhere ask of the store, beside a store of the smallest size. */
async function compareTimes(small: Bed, large: Bed) {
  const guard = await inTurns(BATCHES_PER_ROUND, CALLS_AT_ONCE, [() => find(small), () => find(large)])
  const signIns = await inTurns(BATCHES_PER_ROUND, CALLS_AT_ONCE, [
    () => create(small, newRecord(randomUUID())),
    () => create(large, newRecord(randomUUID())),
  ])
  const revokeAll: (Comparison & { sessions: number })[] = []
  for (const sessions of SESSIONS_OF_A_USER) {
    const users = { small: await createUsers(small, sessions), large: await createUsers(large, sessions) }
    const ask = [() => revokeNext(small, users.small), () => revokeNext(large, users.large)] as const
    revokeAll.push({ sessions, ...(await inTurns(1, REVOCATIONS_AT_ONCE, ask)) })
  }
  progress(`timed at ${large.size.toLocaleString('en')} sessions`)
  return { size: large.size, guard, signIns, revokeAll }
}

interface Comparison {
  smallUs: number
  largeUs: number
  /** Round by round, so that a slow moment of the machine meets both. */
  ratio: number
}

/** Microseconds for each call, `atOnce` of them under way: the median over the rounds. */
async function inTurns(
  batches: number,
  atOnce: number,
  ask: readonly [() => Promise<unknown>, () => Promise<unknown>],
): Promise<Comparison> {
  const measured: [number, number][] = []
  for (let round = 0; round < rounds; round++) {
    const us: [number, number] = [0, 0]
    // Another one first in every round.
    for (const which of round % 2 ? ([0, 1] as const) : ([1, 0] as const)) {
      const startMs = performance.now()
      for (let batch = 0; batch < batches; batch++) await Promise.all(Array.from({ length: atOnce }, ask[which]))
      us[which] = ((performance.now() - startMs) * 1000) / (batches * atOnce)
    }
    measured.push(us)
  }
  const of = (pick: (us: [number, number]) => number) => median(measured.map(pick))
  return { smallUs: of(([us]) => us), largeUs: of(([, us]) => us), ratio: of(([a, b]) => b / a) }
}

async function find({ store, sample }: Bed): Promise<void> {
  const { id, userId } = sample[Math.floor(Math.random() * sample.length)] ?? newRecord('')
  if (!(await store.find({ id, bucket: bucketOf(userId) }))) throw new Error('a session that should be there is not')
}

/** As many as will be signed out everywhere, with so many sessions each. */
async function createUsers(bed: Bed, sessions: number): Promise<string[]> {
  const users = Array.from({ length: rounds * REVOCATIONS_AT_ONCE }, () => randomUUID())
  for (const user of users) {
    await Promise.all(Array.from({ length: sessions }, () => create(bed, newRecord(user), NO_LIMIT)))
  }
  return users
}

async function revokeNext({ store }: Bed, users: string[]): Promise<void> {
  await store.revokeAll(users.pop() ?? '', { nowMs: Date.now(), reason: 'signed_out_elsewhere' })
}

/** The first three hex digits: what the token says of where its session lies. */
function bucketOf(userId: string): string {
  return hash('sha256', userId, 'hex').slice(0, 3)
}

function toTable({ machine, memory, times }: { machine: string; memory: Memory; times: Times[] }): string {
  const us = (value: number) => `${Math.round(value).toLocaleString('en')} µs`
  const row = (size: number, what: string, { smallUs, largeUs, ratio }: Comparison) =>
    `| ${size.toLocaleString('en')} | ${what} | ${us(largeUs)} | ${us(smallUs)} | ${ratio.toFixed(2)} |`
  const lines = [
    `${machine}; Redis ${memory.redisVersion}; medians of ${rounds} rounds`,
    '',
    `| a session in Redis, index included, of ${memory.size.toLocaleString('en')} | goal | bytes |`,
    '| --- | ---: | ---: |',
    ...memory.bytes.map(({ device, bytes }) =>
      device
        ? `| with device data | 600 | ${Math.round(bytes)} |`
        : `| without device data | 500 | ${Math.round(bytes)} |`,
    ),
    '',
    `| sessions | one | takes | beside ${sizes[0]?.toLocaleString('en')} sessions | ratio |`,
    '| ---: | --- | ---: | ---: | ---: |',
    ...times.flatMap(({ size, guard, signIns, revokeAll }) => [
      row(size, 'guard', guard),
      row(size, 'sign-in', signIns),
      ...revokeAll.map((times) => row(size, `revoke-all of ${times.sessions.toLocaleString('en')}`, times)),
    ]),
  ]
  return `${lines.join('\n')}\n`
}

function progress(what: string): void {
  process.stderr.write(`${what}\n`)
}

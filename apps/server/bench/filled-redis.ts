// A Redis of its own, and as many sessions in it as a benchmark asks for, put there by the store of the service.
import { hash, randomBytes, randomUUID } from 'node:crypto'
import { createRedisSessionStore, type SessionRecord, type SessionRef, type SessionStore } from '@weapp-auth/fastify'
import { startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'

export const IDLE_MS = 7_200_000
const APPID = 'wx0123456789abcdef'
const DEVICE = {
  platform: 'ios',
  model: 'iPhone 15 Pro<iPhone16,1>',
  system: 'iOS 18.1.1',
  wechatVersion: '8.0.53',
  sdkVersion: '3.7.0',
}
/** Users that sign in at a time. */
const BATCH = 250
/** One read settles for so many sessions: a sign-in is ten steps of that move by itself, which leaves few. */
const SESSIONS_PER_READ = 5
/** More than the caches of a processor hold. */
const SAMPLE = 100_000

export interface FilledRedis {
  redis: Redis
  store: SessionStore
  /** How many sessions it holds. */
  size: number
  /** Some of them, from everywhere. */
  sample: NewSession[]
  stop(): Promise<void>
}

export interface NewSession {
  token: string
  ref: SessionRef
  record: SessionRecord
}

export interface Kind {
  /** How many sessions each user has. */
  perUser: number
  /** Whether the phones send what they are. */
  device: boolean
  /** Whether the sessions were used after they were made, late enough for it to be written down. */
  used: boolean
}

const NEW: Kind = { perUser: 1, device: false, used: false }
/** As the service has it, unless it is told otherwise. */
const LIMIT = 20

export async function startEmptyRedis(): Promise<FilledRedis> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  const stop = async () => {
    redis.disconnect()
    await server.stop()
  }
  return { redis, store: createRedisSessionStore({ redis }), size: 0, sample: [], stop }
}

/** Signs users in until there are `size` sessions. */
export async function fill(filled: FilledRedis, size: number, kind: Kind = NEW): Promise<void> {
  while (filled.size < size) {
    const count = Math.ceil(Math.min(BATCH, (size - filled.size) / kind.perUser))
    const users = Array.from({ length: count }, () => Array(kind.perUser).fill(randomUUID()))
    const created = await Promise.all(users.flat().map((user) => createSession(filled.store, user, kind)))
    filled.sample.push(...created.slice(0, Math.ceil((SAMPLE * created.length) / size)))
    filled.size += created.length
    if (filled.size % 100_000 === 0) progress(`${filled.size.toLocaleString('en')} sessions`)
  }
}

/**
 * Lets Redis end the move into larger tables that a growing number of keys starts. It goes a step with every command;
 * until it is over, each command costs more, and both tables take memory.
 */
export async function settle({ store, sample, size }: FilledRedis): Promise<void> {
  for (let read = 0; read < size / SESSIONS_PER_READ; read += sample.length) {
    for (let from = 0; from < sample.length; from += BATCH) {
      await Promise.all(sample.slice(from, from + BATCH).map(({ ref }) => store.find(ref)))
    }
  }
}

/** Takes out what `fill` did not put in. */
export async function remove({ redis, size }: FilledRedis, sessions: NewSession[]): Promise<void> {
  if (sessions.length === 0) return
  const keys = sessions.flatMap(({ ref: { id, bucket }, record: { userId } }) => [
    `weapp-auth:{${bucket}}:${id}`,
    `weapp-auth:u{${bucket}}:${userId}`,
  ])
  await redis.del(keys)
  if ((await redis.dbsize()) !== 2 * size) throw new Error('the keys of the store have other names than this takes out')
}

/** What a sign-in asks of the store. */
export async function createSession(
  store: SessionStore,
  userId: string,
  { device, used, limit = LIMIT }: Partial<Kind> & { limit?: number } = {},
): Promise<NewSession> {
  // A token as the service makes it; a guarded request with one fails if this is ever wrong.
  const bucket = hash('sha256', userId, 'hex').slice(0, 3)
  const token = `wxs1.${bucket}.${randomBytes(32).toString('base64url')}`
  const ref = { id: hash('sha256', token, 'base64url'), bucket }
  const nowMs = Date.now()
  const times = { createdAtMs: nowMs, lastSeenMs: nowMs }
  const record = { id: ref.id, userId, appid: APPID, ...times, ...(device && { device: DEVICE }) }
  await store.create(record, { nowMs, idleMs: IDLE_MS, expiresAtMs: nowMs + IDLE_MS }, { limit })
  if (used) {
    const laterMs = nowMs + IDLE_MS / 2
    const lifetime = { nowMs: laterMs, idleMs: IDLE_MS, expiresAtMs: laterMs + IDLE_MS }
    await store.touch({ ...record, lastSeenMs: laterMs }, lifetime)
  }
  return { token, ref, record }
}

export async function describeRedis({ redis }: FilledRedis): Promise<string> {
  const info = await redis.info()
  return `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}, ${/mem_allocator:(\S+)/.exec(info)?.[1]}`
}

export function progress(what: string): void {
  process.stderr.write(`${what}\n`)
}

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createRedisSessionStore } from '@weapp-auth/fastify'
import {
  type Server,
  startOneNodeCluster,
  startRedis,
  startRedisCluster,
  startSentinelGroup,
} from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { sessionStoreContract } from '../../../packages/fastify/test/sessions/session-store.contract.ts'
import { connectRedis } from '../src/redis.ts'

/** A master that a busy machine holds up for a moment is not to be replaced here. */
const CALM = { nodeTimeoutMs: 30_000 }

const GROUPS = [
  { form: 'redis+sentinel://', start: () => startSentinelGroup(CALM) },
  { form: 'redis+cluster://', start: () => startRedisCluster(CALM) },
]

describe.skipIf(inject('redisUrl') === null).each(GROUPS)('sessions in a Redis named by $form', ({ start }) => {
  let group: Server
  beforeAll(async () => {
    group = await start()
  })
  afterAll(() => group?.stop())

  sessionStoreContract(async () => {
    const { redis } = connectRedis(group.url, pino({ level: 'silent' }))
    onTestFinished(() => redis.disconnect())
    await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000)
    return {
      store: createRedisSessionStore({ redis, keyPrefix: `test-${randomUUID()}:` }),
      breakDown: async () => redis.disconnect(),
    }
  })
})

async function connect(url: string) {
  const { redis } = connectRedis(url, pino({ level: 'silent' }))
  onTestFinished(() => redis.disconnect())
  await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000)
  return redis
}

describe.skipIf(inject('redisUrl') === null)('what stands in REDIS_URL beside the address', () => {
  test.each([
    ['redis://', startRedis, '/3', 3],
    ['redis+cluster://', startOneNodeCluster, '', 0],
  ] as const)('%s: user, password and database are those of the connection', async (form, start, path, db) => {
    const server = await start()
    onTestFinished(() => server.stop())
    const admin = new Redis(server.url.replace(form, 'redis://'))
    onTestFinished(() => admin.disconnect())
    await admin.acl('SETUSER', 'app', 'on', '>p:/w', 'allkeys', 'allchannels', '+@all')
    await admin.acl('SETUSER', 'default', 'off')
    const redis = await connect(`${server.url.replace(form, `${form}app:p%3A%2Fw@`)}${path}`)
    await redis.set('key', 'value')
    const { port } = new URL(server.url.replace(form, 'redis://'))
    const reader = new Redis({ port: Number(port), username: 'app', password: 'p:/w', db })
    onTestFinished(() => reader.disconnect())
    expect(await reader.get('key')).toBe('value')
  })

  test('redis+sentinel://: user, password and database are those of the master', async () => {
    const group = await startSentinelGroup(CALM)
    onTestFinished(() => group.stop())
    const admin = await connect(group.url)
    await admin.acl('SETUSER', 'app', 'on', '>p:/w', 'allkeys', 'allchannels', '+@all')
    const redis = await connect(`${group.url.replace(/(?<=\/\/).*@/, 'app:p%3A%2Fw@')}/3`)
    expect(await redis.client('INFO')).toMatch(/ db=3 .* user=app /)
  })
})

test('rediss:// speaks TLS', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  const connected = once(server, 'connection')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { redis } = connectRedis(`rediss://127.0.0.1:${port}`, pino({ level: 'silent' }))
  onTestFinished(() => redis.disconnect())
  const [socket]: Socket[] = await connected
  const [hello]: Buffer[] = await once(socket as Socket, 'data')
  onTestFinished(() => void socket?.destroy())
  // A handshake record that offers TLS (RFC 8446, section 5.1).
  expect([hello?.[0], hello?.[1]]).toEqual([22, 3])
})

test.skipIf(inject('redisUrl') === null)(
  'that Redis cannot be reached is told once, and once that it is back',
  async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) })
    const { redis } = connectRedis(server.url, log)
    onTestFinished(() => redis.disconnect())
    await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000)
    expect(lines).toEqual([])
    await server.kill()
    const away = 'the session store (Redis) cannot be reached, trying again'
    await vi.waitFor(() => expect(lines).toEqual([away]), 10_000)
    await server.start()
    await vi.waitFor(() => expect(lines).toEqual([away, 'the session store (Redis) is back']), 10_000)
  },
)

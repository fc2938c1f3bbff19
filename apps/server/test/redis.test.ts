import { createHash, randomUUID } from 'node:crypto'
import dns from 'node:dns'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createRedisSessionStore } from '@weapp-auth/fastify'
import { startOneNodeCluster, startRedis } from '@weapp-auth/test-servers'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { connectRedis } from '../src/redis.ts'
import { redisPlugin } from '../src/redis-plugin.ts'
import { connect } from './connected-redis.ts'
import { createNetwork } from './network.ts'

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
    const reasons: string[] = []
    const write = (line: string) => {
      const { msg, reason } = JSON.parse(line)
      lines.push(msg)
      if (reason) reasons.push(reason)
    }
    const { redis } = connectRedis(server.url, pino({ level: 'info' }, { write }))
    onTestFinished(() => redis.disconnect())
    await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000)
    expect(lines).toEqual([])
    await server.kill()
    const away = 'the session store (Redis) cannot be reached, trying again'
    await vi.waitFor(() => expect(lines).toEqual([away]), 10_000)
    expect(reasons).toEqual([expect.stringMatching(/\w/)])
    // A command that was kept would be done later, when its caller has been told that it failed.
    await expect(redis.set('key', 'value')).rejects.toThrow("Stream isn't writeable")
    await server.start()
    await vi.waitFor(() => expect(lines).toEqual([away, 'the session store (Redis) is back']), 10_000)
  },
)

test('the plugin of Redis decorates the application at once, and says of the client what is true', async () => {
  const client = new Redis({ lazyConnect: true })
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(redisPlugin, { client })
  expect(app.hasDecorator('redis')).toBe(true)
  expect(client.status).toBe('wait')
})

test.skipIf(inject('redisUrl') === null)(
  'a cluster whose name in REDIS_URL stands for other servers by now is found, although every node met before is gone',
  async () => {
    const [first, second] = await Promise.all([startOneNodeCluster(), startOneNodeCluster()])
    for (const server of [first, second]) onTestFinished(() => server.stop())
    const names = playNames({ 'redis.test': '127.0.0.1' })
    const port = Number(new URL(first.url).port)
    const redis = await connect(`redis+cluster://redis.test:${port}`)
    await first.stop()
    names['redis.test'] = null
    await vi.waitFor(() => expect(redis.status).not.toBe('ready'), 10_000)
    // Another address with the same port: the second cluster is behind it.
    await createNetwork(second.url.replace('redis+cluster:', 'redis:'), { host: '127.0.0.2', port })
    names['redis.test'] = '127.0.0.2'
    await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000)
    expect(await redis.set('key', 'value')).toBe('OK')
  },
)

test.skipIf(inject('redisUrl') === null)(
  'the connection that hears of ended sessions may be lost without a word: it is given up, and another one hears',
  async () => {
    const url = inject('redisUrl') ?? ''
    // A host application's, without the `socketTimeout` that would end it too.
    const redis = new Redis(url)
    onTestFinished(() => redis.disconnect())
    const network = await createNetwork(url)
    const { duplicate } = redis
    // What asks goes on, so that nothing but its own silence tells of the loss.
    Object.assign(redis, {
      duplicate: (o: object) => duplicate.call(redis, { ...o, port: Number(new URL(network.url).port) }),
    })
    const store = createRedisSessionStore({ redis, keyPrefix: `test-${randomUUID()}:`, cacheMs: 60_000 })
    onTestFinished(() => store.close())
    const nowMs = Date.now()
    const [id, userId] = [randomUUID(), 'alice']
    await store.create(
      { id, userId, appid: 'wx1', createdAtMs: nowMs, lastSeenMs: nowMs },
      { nowMs, expiresAtMs: nowMs + 60_000, idleMs: 60_000 },
    )
    const ref = { id, bucket: createHash('sha256').update(userId).digest('hex').slice(0, 3) }
    const isRemembered = async () => {
      await store.find(ref)
      return store.findRemembered?.(ref) != null
    }
    await vi.waitFor(async () => expect(await isRemembered()).toBe(true), 5_000)
    network.lose()
    await vi.waitFor(async () => expect(await isRemembered()).toBe(false), 5_000)
    await vi.waitFor(async () => expect(await isRemembered()).toBe(true), 5_000)
  },
)

/** What these names stand for until the test ends, and may be changed; null: nothing. All other names are as they are. */
function playNames<Name extends string>(names: Record<Name, string | null>): Record<Name, string | null> {
  const { lookup } = dns
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((name: Name, ...rest: unknown[]) => {
    if (!(name in names)) return Reflect.apply(lookup, dns, [name, ...rest])
    const address = names[name]
    const error =
      address === null ? Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }) : null
    const { all = false } = Object(rest[0]) as { all?: boolean }
    const done = rest.at(-1) as (error: Error | null, found: unknown, family: number) => void
    setImmediate(() => done(error, all ? [{ address, family: 4 }] : address, 4))
  }) as typeof lookup)
  syncBuiltinESMExports()
  onTestFinished(() => {
    spy.mockRestore()
    syncBuiltinESMExports()
  })
  return names
}

import { type OwnServer, startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startLoaded } from './load.ts'
import { call } from './process.ts'
import { environment, isAvailable } from './service.ts'
import { type BreakableStore, GUARDED, storeOutages, UNAVAILABLE } from './store-outages.ts'

interface Outage {
  name: string
  break(redis: OwnServer, admin: Redis): Promise<unknown>
  mend(redis: OwnServer, admin: Redis): Promise<unknown>
  /** Reading works, so that whoever is signed in goes on. */
  reads?: true
}

const OUTAGES: Outage[] = [
  {
    name: 'frozen',
    break: async (redis) => redis.signal('SIGSTOP'),
    mend: async (redis) => redis.signal('SIGCONT'),
  },
  {
    name: 'read-only',
    reads: true,
    break: (_, admin) => admin.replicaof('127.0.0.1', 1),
    mend: (_, admin) => admin.replicaof('NO', 'ONE'),
  },
  {
    name: 'out of memory',
    reads: true,
    break: (_, admin) => admin.config('SET', 'maxmemory', '1'),
    mend: (_, admin) => admin.config('SET', 'maxmemory', '0'),
  },
]

/** Redis keeps the sessions over a restart, so that the outage signs nobody out. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

/** Sessions in Redis, with the outages that every store has. */
const SESSIONS: BreakableStore = {
  name: 'the session store (Redis)',
  start: () => startRedis(DURABLE),
  stopSignal: 'SIGTERM',
  environment: async (url) => ({ ...(await environment('embedded')), REDIS_URL: url }),
  variable: 'REDIS_URL',
  paths: [GUARDED],
  readyStatus: 503,
  stores: { sessions: 'down', users: 'up' },
  stopMs: 5_000,
}

describe.skipIf(!isAvailable('shared'))('Redis', () => {
  storeOutages(SESSIONS)

  test.each(OUTAGES)('Redis $name under load: 503 within its deadline, and back within a second', async (outage) => {
    const { redis, admin } = await open()
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: redis.url })
    await outage.break(redis, admin)
    if (!outage.reads) expect(await service.seen(503)).toMatchObject(UNAVAILABLE)
    const [ready, login] = await Promise.all([service.ask('/readyz'), service.signIn()])
    expect([ready.status, login]).toEqual([503, expect.objectContaining(UNAVAILABLE)])
    expect(Math.max(ready.ms, login.ms)).toBeLessThan(700)
    expect((await service.ask('/livez')).status).toBe(200)
    // A code that cannot become a session is not spent.
    expect(login.exchanges).toBe(0)
    if (outage.reads) expect(service.answers.filter(({ status }) => status === 503)).toEqual([])
    await outage.mend(redis, admin)
    await service.recovered()
    await service.settle()
  })

  test.each(OUTAGES)('Redis $name when the service stops: it stops within 1.5 s', async (outage) => {
    const { redis, admin } = await open()
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: redis.url })
    await outage.break(redis, admin)
    await expect.poll(() => service.signIns.at(-1)).toMatchObject(UNAVAILABLE)
    await service.settle()
  })

  test('Redis loading its data: 503 until it has read them', async () => {
    const { redis, admin } = await open([
      '--dbfilename',
      'dump.rdb',
      '--key-load-delay',
      '1000',
      '--loading-process-events-interval-bytes',
      '1024',
    ])
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: redis.url })
    await admin.eval("for i = 1, 1500 do redis.call('SET', 'filler:' .. i, i) end", 0)
    await admin.save()
    await redis.kill()
    const started = redis.start()
    await vi.waitFor(async () => expect(await admin.info('persistence')).toContain('loading:1'))
    expect(await service.seen(503)).toMatchObject(UNAVAILABLE)
    await started
    await service.recovered()
    await service.settle()
  })

  test('Redis without its scripts: nobody notices', async () => {
    const { redis, admin } = await open()
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: redis.url })
    for (let round = 0; round < 5; round++) {
      await admin.script('FLUSH')
      expect((await service.signIn()).status).toBe(201)
    }
    await service.settle()
    expect(service.answers.filter(({ status }) => status !== 204)).toEqual([])
  })

  test('Redis with a user who may use our keys and neither KEYS, SCAN, CONFIG nor FLUSHALL: all works', async () => {
    const { redis, admin } = await open()
    const rules = [
      'on',
      '>secret',
      '~weapp-auth-demo:*',
      '&weapp-auth-demo:*',
      '+@all',
      '-keys',
      '-scan',
      '-config',
      '-flushall',
    ]
    await admin.acl('SETUSER', 'app', ...rules)
    const url = redis.url.replace('://', '://app:secret@')
    const { baseUrl, signIn, ask, settle } = await startLoaded({
      ...(await environment('embedded')),
      REDIS_URL: url,
      SESSION_CACHE_MS: '2000',
    })
    expect([(await signIn()).status, (await ask('/readyz')).status]).toEqual([201, 200])
    const { data } = await call(`${baseUrl}/emulator-is-not-here`)
    expect(data.code).toBe('not_found')
    expect((await ask('/v1/session')).status).toBe(200)
    await settle()
    expect(await admin.acl('LOG')).toEqual([])
  })
})

/** A server of this test's own, and a connection that sees to it. */
async function open(args: readonly string[] = []) {
  const redis = await startRedis(args)
  onTestFinished(() => redis.stop())
  const admin = new Redis(redis.url, { enableReadyCheck: false, retryStrategy: () => 20, maxRetriesPerRequest: null })
  admin.on('error', () => {})
  onTestFinished(() => admin.disconnect())
  return { redis, admin }
}

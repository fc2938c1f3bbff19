import { createHash } from 'node:crypto'
import { startRedisCluster } from '@weapp-auth/test-servers'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startLoaded } from './load.ts'
import { call, startProcess } from './process.ts'
import { environment, isAvailable } from './service.ts'

describe.skipIf(!isAvailable('shared'))('a Redis cluster', () => {
  test('a Redis cluster whose slots move under load refuses nobody', async () => {
    const group = await startRedisCluster({ replicas: 0, nodeTimeoutMs: 10_000 })
    onTestFinished(() => group.stop())
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: group.url })
    const own = `{${bucketOf(service.userId)}}`
    // The slot of the user who never stops asking, there and back, and others in between.
    const tags = Array.from({ length: 40 }, (_, i) => (i % 4 === 0 ? own : `{${i.toString(16).padStart(3, '0')}}`))
    for (const tag of tags) {
      const slot = await group.openSlotOf(tag)
      for (const key of await slot.keys()) await slot.move([key])
      await slot.finish()
    }
    await service.settle()
    expect(service.answers.filter(({ status }) => status !== 204)).toEqual([])
    expect(service.signIns.filter(({ status }) => status !== 201)).toEqual([])
  })

  test('a Redis cluster with a frozen master: users whose sessions it holds get their 503 in time, and all is back by itself', async () => {
    const group = await startRedisCluster({ replicas: 0, nodeTimeoutMs: 30_000 })
    onTestFinished(() => group.stop())
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: group.url })
    const master = await group.masterOf(`{${bucketOf(service.userId)}}`)
    master.signal('SIGSTOP')
    await service.seen(503)
    const refused = await Promise.all(Array.from({ length: 20 }, () => service.ask('/v1/verify')))
    master.signal('SIGCONT')
    for (const { status } of refused) expect(status).toBe(503)
    expect(Math.max(...refused.map(({ ms }) => ms))).toBeLessThan(700)
    await service.recovered()
  })

  test('a Redis cluster is found again when every address of REDIS_URL was replaced, and the rest of it restarts', async () => {
    const group = await startRedisCluster()
    onTestFinished(() => group.stop())
    const [seed, ...others] = group.nodes
    const REDIS_URL = (seed?.url ?? '').replace('redis://', 'redis+cluster://')
    const service = startProcess({ ...(await environment('embedded')), WECHAT_EMULATOR: 'on', REDIS_URL })
    const address = await service.address
    await seed?.kill()
    const isReady = async () => (await call(`${address}/readyz`)).status
    // Its replica has taken its place.
    const signIn = async () => {
      const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: crypto.randomUUID() } })
      return (await call(`${address}/v1/sessions`, { body: login })).status
    }
    await vi.waitFor(async () => {
      for (let i = 0; i < 20; i++) expect(await signIn()).toBe(201)
    }, 25_000)
    await Promise.all(others.map((node) => node.kill()))
    await vi.waitFor(async () => expect(await isReady()).toBe(503), 5_000)
    await Promise.all(others.map((node) => node.start()))
    await vi.waitFor(async () => expect(await isReady()).toBe(200), 20_000)
    await vi.waitFor(async () => expect(await signIn()).toBe(201), 10_000)
  }, 90_000)
})

/** As the store names the hash tag of a user's keys. */
function bucketOf(userId: string): string {
  return createHash('sha256').update(userId).digest('hex').slice(0, 3)
}

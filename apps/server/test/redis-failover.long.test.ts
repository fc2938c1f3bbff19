import { createHash } from 'node:crypto'
import { startRedisCluster, startSentinelGroup } from '@weapp-auth/test-servers'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startLoaded } from './load.ts'
import { environment, isAvailable } from './service.ts'

const GROUPS = [
  { name: 'a sentinel group', start: startSentinelGroup },
  { name: 'a cluster of three masters and three replicas', start: startRedisCluster },
]

describe.skipIf(!isAvailable('shared')).each(GROUPS)('the master of the sessions killed in $name', ({ start }) => {
  test('is 503 until another has taken its place, and nobody is signed out', async () => {
    const group = await start()
    onTestFinished(() => group.stop())
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: group.url })
    await group.killMasterOf(`{${bucketOf(service.userId)}}`)
    await service.seen(503)
    await vi.waitFor(async () => expect((await service.ask('/v1/verify')).status).toBe(204), {
      timeout: 25_000,
      interval: 100,
    })
    expect((await service.signIn()).status).toBe(201)
    await service.settle()
    const refusals = service.answers.filter(({ status }) => status !== 204)
    expect(new Set(refusals.map(({ status, code }) => `${status} ${code}`))).toEqual(new Set(['503 store_unavailable']))
  })
})

/** As the store names the hash tag of a user's keys. */
function bucketOf(userId: string): string {
  return createHash('sha256').update(userId).digest('hex').slice(0, 3)
}

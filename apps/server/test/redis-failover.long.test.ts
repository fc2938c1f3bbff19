import { createHash } from 'node:crypto'
import { type RedisSentinelGroup, startRedisCluster, startSentinelGroup } from '@weapp-auth/test-servers'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startLoaded } from './load.ts'
import { call } from './process.ts'
import { environment, isAvailable, startService } from './service.ts'

const GROUPS = [
  { name: 'a sentinel group', start: startSentinelGroup },
  { name: 'a cluster of three masters and three replicas', start: startRedisCluster },
]

describe.skipIf(!isAvailable('shared')).each(GROUPS)('the master of the sessions killed in $name', ({ start }) => {
  test('a killed master is 503 until another has taken its place, and nobody is signed out', {
    timeout: 90_000,
  }, async () => {
    const group = await start()
    onTestFinished(() => group.stop())
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: group.url })
    await group.killMasterOf(`{${bucketOf(service.userId)}}`)
    await service.seen(503)
    await vi.waitFor(async () => expect((await service.ask('/v1/verify')).status).toBe(204), {
      timeout: 60_000,
      interval: 100,
    })
    expect((await service.signIn()).status).toBe(201)
    await service.settle()
    const refusals = service.answers.filter(({ status }) => status !== 204)
    expect(new Set(refusals.map(({ status, code }) => `${status} ${code}`))).toEqual(new Set(['503 store_unavailable']))
  })
})

/** How soon the service leaves a master that was replaced, as docs/outages.md says. */
const LEAVE_MS = 1_000

describe.skipIf(!isAvailable('shared'))('a sentinel group', () => {
  test('an operator replaces a living master: 503 for a moment, and nobody is signed out', async () => {
    const group = await startSentinelGroup()
    onTestFinished(() => group.stop())
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: group.url })
    await group.failOver()
    await left(group)
    await service.recovered()
    await service.settle()
  })

  test('nothing is written to a master that was cut off from its sentinels, but not from us', async () => {
    const group = await startSentinelGroup()
    onTestFinished(() => group.stop())
    const env = { ...(await environment('embedded')), REDIS_URL: group.url, SESSION_CACHE_MS: '2000' }
    const { world, baseUrl } = await startService(env)
    const appid = world.apps[0]?.appid ?? ''
    const signIn = async (): Promise<string> => {
      const { code } = world.login('alice', appid)
      const { status, data } = await call(`${baseUrl}/v1/sessions`, { body: { appid, code } })
      expect(status).toBe(201)
      return data.token
    }
    const verify = async (token: string) => (await call(`${baseUrl}/v1/verify`, { token })).status
    const before = await signIn()
    expect(await verify(before)).toBe(204)

    await group.cutOff()
    await left(group)
    await vi.waitFor(async () => {
      const signOut = await call(`${baseUrl}/v1/session`, { method: 'DELETE', token: before })
      expect(signOut.status).toBe(204)
    }, 10_000)
    const after = await signIn()

    await group.heal()
    await vi.waitFor(async () => expect(await verify(after)).toBe(204), 10_000)
    expect(await verify(before)).toBe(401)
  }, 90_000)
})

/** Resolves when another is master, and the service has left the first one, which goes on taking writes and will lose them. */
async function left(group: RedisSentinelGroup): Promise<void> {
  const soon = { timeout: 30_000, interval: 20 }
  await vi.waitFor(async () => expect(await group.findMaster()).not.toBe(group.master.url), soon)
  await vi.waitFor(async () => expect(await group.isInUse()).toBe(false), { ...soon, timeout: LEAVE_MS })
}

/** As the store names the hash tag of a user's keys. */
function bucketOf(userId: string): string {
  return createHash('sha256').update(userId).digest('hex').slice(0, 3)
}

import { createWorld, startWechat } from '@weapp-auth/emulator'
import { startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { expect, onTestFinished, vi } from 'vitest'
import { startStopwatch } from './machine.ts'
import { createNetwork } from './network.ts'
import { call, startProcess } from './process.ts'
import { environment } from './service.ts'

const APP = { appid: 'wx1', secret: 'secret-1', platform: 'p' }
const EVERY_RIGHT = '~* &* +@all'
/** Ends sessions, and its messages about that are lost. */
export const MAY_NOT_TELL = `${EVERY_RIGHT} -publish`

interface Setup {
  cacheMs: number
  /** What the process that ends the session may do in Redis. */
  firstMay?: string
  /** What the other one may do. */
  secondMay?: string
}

/** Two processes on one Redis, and a session that both have seen. */
export async function startTwoProcesses({ cacheMs, firstMay = EVERY_RIGHT, secondMay = EVERY_RIGHT }: Setup) {
  const isCached = cacheMs > 0 && secondMay === EVERY_RIGHT
  const world = createWorld({ apps: [APP] })
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const server = await startRedis()
  onTestFinished(server.stop)
  const redis = new Redis(server.url)
  onTestFinished(() => redis.disconnect())
  const network = await createNetwork(server.url)
  const env: Record<string, string> = {
    ...(await environment('shared')),
    WECHAT_API_BASE_URL: wechat.baseUrl,
    WECHAT_APPID: APP.appid,
    WECHAT_SECRET: APP.secret,
    SESSION_CACHE_MS: String(cacheMs),
  }
  const startAs = async (user: string, rights: string, url: string) => {
    await redis.call('ACL', 'SETUSER', user, 'on', '>secret', ...rights.split(' '))
    return startProcess({ ...env, REDIS_URL: url.replace('redis://', `redis://${user}:secret@`) })
  }
  const first = await startAs('first', firstMay, server.url)
  const second = await startAs('second', secondMay, network.url)
  const addresses = { first: await first.address, second: await second.address }
  // A busy machine may be too late for a deadline, and a process that cannot hear yet remembers nothing.
  let token = ''
  const signIn = () =>
    vi.waitFor(async () => {
      const { code } = world.login('alice', APP.appid)
      const answer = await call(`${addresses.first}/v1/sessions`, { body: { appid: APP.appid, code } })
      expect(answer.status).toBe(201)
      token = answer.data.token
    }, 15_000)
  await signIn()
  const verify = async () => (await call(`${addresses.second}/v1/verify`, { token })).status
  const revoke = async () => {
    const { status } = await call(`${addresses.first}/v1/session`, { method: 'DELETE', token })
    expect(status).toBe(204)
  }
  const countReads = async () => {
    const counts = [...(await redis.info('commandstats')).matchAll(/cmdstat_m?get:calls=(\d+)/g)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const isRemembered = async () => {
    const before = await countReads()
    expect(await verify()).toBe(204)
    return (await countReads()) === before
  }
  await vi.waitFor(async () => expect(await isRemembered()).toBe(isCached), 15_000)
  return { redis, network, second, signIn, verify, revoke, isRemembered }
}

/**
 * Resolves when the token is refused; fails when it was accepted for longer than `limitMs` of this machine's own time. Between
 * the two Redis may be away for a moment: that is a 503, and lets nobody in.
 */
export async function refusedWithin(limitMs: number, verify: () => Promise<number>): Promise<void> {
  const watch = startStopwatch()
  let acceptedForMs = 0
  const refused = async () => {
    const status = await verify()
    if (status === 204) acceptedForMs = watch.ms()
    expect(status).toBe(401)
  }
  await vi.waitFor(refused, { timeout: 30_000, interval: 10 })
  expect(acceptedForMs).toBeLessThan(limitMs)
}

import { setTimeout as sleep } from 'node:timers/promises'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startRedis } from '../../../scripts/servers/redis.ts'
import { createNetwork } from './network.ts'
import { call, startProcess } from './process.ts'
import { environment, isAvailable } from './service.ts'

const APP = { appid: 'wx1', secret: 'secret-1', platform: 'p' }
const EVERY_RIGHT = '~* &* +@all'

interface Setup {
  cacheMs: number
  /** What the process that ends the session may do in Redis. */
  firstMay?: string
  /** What the other one may do. */
  secondMay?: string
}

/** Two processes on one Redis, and a session that both have seen. */
async function start({ cacheMs, firstMay = EVERY_RIGHT, secondMay = EVERY_RIGHT }: Setup) {
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
  const { code } = world.login('alice', APP.appid)
  const { data } = await call(`${addresses.first}/v1/sessions`, { body: { appid: APP.appid, code } })
  const verify = async () => (await call(`${addresses.second}/v1/verify`, { token: data.token })).status
  const revoke = async () => {
    const { status } = await call(`${addresses.first}/v1/session`, { method: 'DELETE', token: data.token })
    expect(status).toBe(204)
  }
  expect(await verify()).toBe(204)
  return { redis, network, second, verify, revoke }
}

describe.skipIf(!isAvailable('shared'))('a session that one process has ended is refused by another', () => {
  test('as soon as that hears of it, however long it may believe in a session', async () => {
    const { verify, revoke } = await start({ cacheMs: 60_000 })
    await revoke()
    await vi.waitFor(async () => expect(await verify()).toBe(401), 30_000)
  })

  test('after SESSION_CACHE_MS where the message never comes', async () => {
    const cacheMs = 4_000
    const { verify, revoke } = await start({ cacheMs, firstMay: `${EVERY_RIGHT} -publish` })
    await revoke()
    expect(await verify()).toBe(204)
    await sleep(cacheMs)
    expect(await verify()).toBe(401)
  })

  test('as soon as that notices that it cannot hear any more', async () => {
    const { network, verify, revoke } = await start({ cacheMs: 60_000 })
    network.lose()
    await revoke()
    await vi.waitFor(async () => expect(await verify()).toBe(401), 30_000)
  })

  test('at once where that may not listen, which its operator is told', async () => {
    const { second, verify, revoke } = await start({ cacheMs: 60_000, secondMay: '~* resetchannels +@all' })
    await revoke()
    expect(await verify()).toBe(401)
    await vi.waitFor(() => expect(second.output()).toMatch(/sessions are not cached.*ACL: &/))
  })

  test('at once where SESSION_CACHE_MS is 0', async () => {
    const { verify, revoke, redis } = await start({ cacheMs: 0 })
    expect(String(await redis.client('LIST'))).not.toContain('cmd=subscribe')
    await revoke()
    expect(await verify()).toBe(401)
  })
})

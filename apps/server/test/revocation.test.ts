import { setTimeout as sleep } from 'node:timers/promises'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startRedis } from '../../../scripts/servers/redis.ts'
import { call, startProcess } from './process.ts'
import { environment, isAvailable } from './service.ts'

const APP = { appid: 'wx1', secret: 'secret-1', platform: 'p' }

/** Two processes on one Redis, in which the first may only do what `rights` say, and a session both have seen. */
async function start({ cacheMs, rights = '+@all' }: { cacheMs: number; rights?: string }) {
  const world = createWorld({ apps: [APP] })
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const server = await startRedis()
  onTestFinished(server.stop)
  const redis = new Redis(server.url)
  onTestFinished(() => redis.disconnect())
  await redis.call('ACL', 'SETUSER', 'first', 'on', '>secret', '~*', '&*', ...rights.split(' '))
  const env: Record<string, string> = {
    ...(await environment('shared')),
    WECHAT_API_BASE_URL: wechat.baseUrl,
    WECHAT_APPID: APP.appid,
    WECHAT_SECRET: APP.secret,
    SESSION_CACHE_MS: String(cacheMs),
  }
  const urls = [server.url.replace('redis://', 'redis://first:secret@'), server.url]
  const processes = urls.map((REDIS_URL) => startProcess({ ...env, REDIS_URL }))
  const [first = '', second = ''] = await Promise.all(processes.map(({ address }) => address))
  const { code } = world.login('alice', APP.appid)
  const { data } = await call(`${first}/v1/sessions`, { body: { appid: APP.appid, code } })
  const verify = async () => (await call(`${second}/v1/verify`, { token: data.token })).status
  const revoke = () => call(`${first}/v1/session`, { method: 'DELETE', token: data.token })
  expect(await verify()).toBe(204)
  return { redis, verify, revoke }
}

describe.skipIf(!isAvailable('shared'))('a session that one process has ended is refused by another', () => {
  test('as soon as that hears of it, however long it may believe in a session', async () => {
    const { verify, revoke } = await start({ cacheMs: 60_000 })
    expect((await revoke()).status).toBe(204)
    await vi.waitFor(async () => expect(await verify()).toBe(401), 30_000)
  })

  test('after SESSION_CACHE_MS where the message never comes', async () => {
    const cacheMs = 4_000
    const { verify, revoke } = await start({ cacheMs, rights: '+@all -publish' })
    expect((await revoke()).status).toBe(204)
    expect(await verify()).toBe(204)
    await sleep(cacheMs)
    expect(await verify()).toBe(401)
  })

  test('at its next request where SESSION_CACHE_MS is 0', async () => {
    const { verify, revoke, redis } = await start({ cacheMs: 0 })
    expect(String(await redis.client('LIST'))).not.toContain('cmd=subscribe')
    expect((await revoke()).status).toBe(204)
    expect(await verify()).toBe(401)
  })
})

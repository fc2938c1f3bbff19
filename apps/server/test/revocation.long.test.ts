import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { MAY_NOT_TELL, refusedWithin, startTwoProcesses } from './revocation.ts'
import { isAvailable } from './service.ts'

describe.skipIf(!isAvailable('shared'))('a session that one process has ended is refused by another', () => {
  test('a session that one process has ended is refused by another as soon as the message arrives, however large SESSION_CACHE_MS is', async () => {
    const { verify, revoke } = await startTwoProcesses({ cacheMs: 60_000 })
    await revoke()
    await refusedWithin(500, verify)
  })

  test('a session that one process has ended is refused by another after SESSION_CACHE_MS when the message never comes', async () => {
    const cacheMs = 2_000
    const { verify, revoke } = await startTwoProcesses({ cacheMs, firstMay: MAY_NOT_TELL })
    await revoke()
    await sleep(cacheMs)
    expect(await verify()).toBe(401)
  })

  test('a session that one process has ended is refused by another as soon as the connection for these messages breaks', async () => {
    const { redis, verify, revoke } = await startTwoProcesses({ cacheMs: 60_000, firstMay: MAY_NOT_TELL })
    await revoke()
    expect(await verify()).toBe(204)
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await refusedWithin(500, verify)
  })

  test('a session that one process has ended is refused by another within 1.5 s when the connection for these messages is lost silently; messages arrive again soon after', async () => {
    const { network, verify, revoke, isRemembered, signIn } = await startTwoProcesses({ cacheMs: 60_000 })
    network.lose()
    await revoke()
    await refusedWithin(1_500, verify)
    await signIn()
    await vi.waitFor(async () => expect(await isRemembered()).toBe(true), 5_000)
  })

  test('a session that one process has ended is refused at once by another that may not subscribe to these messages, and the log says so', async () => {
    const { second, verify, revoke } = await startTwoProcesses({ cacheMs: 60_000, secondMay: '~* resetchannels +@all' })
    await revoke()
    expect(await verify()).toBe(401)
    await vi.waitFor(() => expect(second.output()).toMatch(/sessions are not cached.*ACL: &/))
  })

  test('a session that one process has ended is refused at once by another where SESSION_CACHE_MS is 0', async () => {
    const { verify, revoke, redis } = await startTwoProcesses({ cacheMs: 0 })
    expect(String(await redis.client('LIST'))).not.toContain('cmd=subscribe')
    await revoke()
    expect(await verify()).toBe(401)
  })
})

import { Redis } from 'ioredis'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import type { RedisClient } from '../../src/redis.ts'
import { watchEvictions } from '../../src/sessions/redis-eviction.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
})

/** A server that has dropped so many keys; null: it does not answer. `look` lets the 10 s pass until it is asked again. */
async function watch(server: { dropped: number | null }) {
  let questions = 0
  const info = async (section: string) => {
    questions++
    if (server.dropped === null) throw new Error('Command timed out')
    return section === 'stats' ? `# Stats\r\nexpired_keys:7\r\nevicted_keys:${server.dropped}\r\n` : ''
  }
  const evictions = watchEvictions(
    { status: 'ready', options: {}, on: () => {}, info } as unknown as RedisClient,
    () => {},
  )
  const look = async () => {
    vi.advanceTimersByTime(10_000)
    await new Promise(setImmediate)
  }
  await look()
  return { look, ...evictions, countQuestions: () => questions }
}

it('keys that a server had dropped before the start count as dropped just now, and no longer than asked', async () => {
  const { look, haveHappenedWithin } = await watch({ dropped: 12 })
  expect(haveHappenedWithin(1)).toBe(true)
  await look()
  expect(haveHappenedWithin(10_001)).toBe(true)
  expect(haveHappenedWithin(9_999)).toBe(false)
})

it('keys that a server drops later count when it has told so', async () => {
  const server = { dropped: 0 }
  const { look, haveHappenedWithin } = await watch(server)
  expect(haveHappenedWithin(1e9)).toBe(false)
  for (const dropped of [12, 13, 130]) {
    server.dropped = dropped
    await look()
    expect(haveHappenedWithin(1)).toBe(true)
  }
})

it('a server that does not answer for once, or was started again, has dropped no keys because of that', async () => {
  const server: { dropped: number | null } = { dropped: 12 }
  const { look, haveHappenedWithin, warnings } = await watch(server)
  for (const dropped of [null, 12, 0]) {
    server.dropped = dropped
    await look()
    expect(haveHappenedWithin(1)).toBe(false)
    // It has not said either that it may drop keys.
    expect(warnings()).toEqual([])
  }
})

it('a client that is not connected yet is not connected to ask', () => {
  const redis = new Redis({ lazyConnect: true })
  watchEvictions(redis, () => {}).close()
  expect(redis.status).toBe('wait')
})

it('a server is asked at the start and every 10 s, until the store is closed', async () => {
  const { look, close, countQuestions } = await watch({ dropped: 0 })
  await look()
  // Two sections each time.
  expect(countQuestions()).toBe(6)
  close()
  await look()
  expect(countQuestions()).toBe(6)
})

import { pino } from 'pino'
import { expect, onTestFinished, vi } from 'vitest'
import { connectRedis } from '../src/redis.ts'

/** The service's own client, connected, until the test ends. */
export async function connect(url: string) {
  const { redis } = connectRedis(url, pino({ level: 'silent' }))
  onTestFinished(() => redis.disconnect())
  await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000)
  return redis
}

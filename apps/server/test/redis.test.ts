import { randomUUID } from 'node:crypto'
import { createRedisSessionStore } from '@weapp-auth/fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, vi } from 'vitest'
import { sessionStoreContract } from '../../../packages/fastify/test/sessions/session-store.contract.ts'
import { startRedisCluster, startSentinelGroup } from '../../../scripts/servers/redis-groups.ts'
import type { Server } from '../../../scripts/servers/server.ts'
import { connectRedis } from '../src/redis.ts'

/** A master that a busy machine holds up for a moment is not to be replaced here. */
const NODE_TIMEOUT_MS = 30_000

const GROUPS = [
  { form: 'redis+sentinel://', start: () => startSentinelGroup(NODE_TIMEOUT_MS) },
  { form: 'redis+cluster://', start: () => startRedisCluster(NODE_TIMEOUT_MS) },
]

describe.skipIf(inject('redisUrl') === null).each(GROUPS)('sessions in a Redis named by $form', ({ start }) => {
  let group: Server
  beforeAll(async () => {
    group = await start()
  })
  afterAll(() => group?.stop())

  sessionStoreContract(async () => {
    const { redis } = connectRedis(group.url, pino({ level: 'silent' }))
    onTestFinished(() => redis.disconnect())
    await vi.waitFor(() => expect(redis.status).toBe('ready'), 10_000)
    return {
      store: createRedisSessionStore({ redis, keyPrefix: `test-${randomUUID()}:` }),
      breakDown: async () => redis.disconnect(),
    }
  })
})

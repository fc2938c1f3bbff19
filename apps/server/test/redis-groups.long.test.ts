import { randomUUID } from 'node:crypto'
import { createRedisSessionStore } from '@weapp-auth/fastify'
import { type Server, startRedisCluster, startSentinelGroup } from '@weapp-auth/test-servers'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { sessionStoreContract } from '../../../packages/fastify/test/sessions/session-store.contract.ts'
import { connect } from './connected-redis.ts'

/** A master that a busy machine holds up for a moment is not to be replaced here. */
const CALM = { nodeTimeoutMs: 30_000 }

const GROUPS = [
  { form: 'redis+sentinel://', start: () => startSentinelGroup(CALM) },
  { form: 'redis+cluster://', start: () => startRedisCluster(CALM) },
]

describe.skipIf(inject('redisUrl') === null).each(GROUPS)('sessions in a Redis named by $form', ({ start }) => {
  let group: Server
  beforeAll(async () => {
    group = await start()
  })
  afterAll(() => group?.stop())

  sessionStoreContract(async () => {
    const redis = await connect(group.url)
    return {
      store: createRedisSessionStore({ redis, keyPrefix: `test-${randomUUID()}:` }),
      breakDown: async () => redis.disconnect(),
    }
  })
})

describe.skipIf(inject('redisUrl') === null)('what stands in REDIS_URL beside the address', () => {
  test('redis+sentinel://: user, password and database are those of the master', async () => {
    const group = await startSentinelGroup(CALM)
    onTestFinished(() => group.stop())
    const admin = await connect(group.url)
    await admin.acl('SETUSER', 'app', 'on', '>p:/w', 'allkeys', 'allchannels', '+@all')
    const redis = await connect(`${group.url.replace(/(?<=\/\/).*@/, 'app:p%3A%2Fw@')}/3`)
    expect(await redis.client('INFO')).toMatch(/ db=3 .* user=app /)
  })
})

import { randomUUID } from 'node:crypto'
import { type Server, startOneNodeCluster, startRedisCluster } from '@weapp-auth/test-servers'
import { Cluster } from 'ioredis'
import { afterAll, beforeAll, describe, inject, onTestFinished } from 'vitest'
import { createRedisSessionStore } from '../../src/index.ts'
import { sessionStoreContract } from './session-store.contract.ts'

const GROUPS = [
  // Scripts that begin so are not let near keys on different slots, declared or not. Servers before 7.0 know no such line.
  { name: 'a cluster of one node that checks scripts', start: startOneNodeCluster, shebang: '#!lua\n' },
  { name: 'a cluster of three masters and three replicas', start: startRedisCluster, shebang: '' },
]

describe.skipIf(inject('redisUrl') === null).each(GROUPS)('sessions in $name', ({ start, shebang }) => {
  let group: Server
  beforeAll(async () => {
    group = await start()
  })
  afterAll(() => group.stop())

  sessionStoreContract(async () => {
    const seeds = group.url.replace('redis+cluster://', '').split(',')
    const redis = new Cluster(
      seeds.map((seed) => ({ host: '127.0.0.1', port: Number(seed.split(':')[1]) })),
      { lazyConnect: true, enableOfflineQueue: false },
    )
    redis.on('error', () => {})
    const { defineCommand } = redis
    redis.defineCommand = (name, { lua, ...definition }) =>
      defineCommand.call(redis, name, { ...definition, lua: shebang + lua })
    await redis.connect()
    onTestFinished(() => redis.disconnect())
    return {
      store: createRedisSessionStore({ redis, keyPrefix: `test-${randomUUID()}:` }),
      breakDown: async () => redis.disconnect(),
    }
  })
})

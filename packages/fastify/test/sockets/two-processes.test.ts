import { randomUUID } from 'node:crypto'
import { type Server, startRedisCluster } from '@weapp-auth/test-servers'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { createRedisSessionStore } from '../../src/index.ts'
import { type Live, startLive } from './live.ts'

const ENDED = { code: 4401, reason: 'the session has ended' }

/** One server that all tests share, and a cluster of its own. */
const PLACES = [
  {
    name: 'one Redis',
    start: async (): Promise<Server> => ({ url: inject('redisUrl') ?? '', stop: async () => {} }),
    connect: (url: string, connectionName: string) => new Redis(url, { connectionName, lazyConnect: true }),
  },
  {
    name: 'a cluster',
    start: startRedisCluster,
    connect: (url: string, connectionName: string) =>
      new Cluster(
        url
          .replace('redis+cluster://', '')
          .split(',')
          .map((seed) => ({ host: '127.0.0.1', port: Number(seed.split(':')[1]) })),
        { redisOptions: { connectionName }, lazyConnect: true },
      ),
  },
]

describe.skipIf(inject('redisUrl') === null).each(PLACES)('two processes on $name', ({ start, connect }) => {
  let server: Server
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.stop())

  /** Two services as two processes would be: each has a client of its own, and the keys are shared. */
  async function startTwo({ cacheMs = 0, pingIntervalMs = 60_000 } = {}) {
    const keyPrefix = `test-${randomUUID()}:`
    const startOne = async (name: string) => {
      const redis = connect(server.url, `${keyPrefix}${name}`)
      redis.on('error', () => {})
      await redis.connect()
      onTestFinished(() => redis.disconnect())
      const sessions = createRedisSessionStore({ redis, keyPrefix, cacheMs })
      onTestFinished(() => sessions.close())
      return { ...(await startLive({ sessions, sockets: { pingIntervalMs } })), redis, name: `${keyPrefix}${name}` }
    }
    return [await startOne('here'), await startOne('there')] as const
  }

  const isHeard = ({ sessions }: { sessions: { messages?: { isHeard(): boolean } } }) =>
    expect.poll(() => sessions.messages?.isHeard(), { interval: 10 }).toBe(true)

  it.each([0, 2_000])(
    'a session that ends in one process closes its sockets in the other (cacheMs: %i)',
    async (cacheMs) => {
      const [here, there] = await startTwo({ cacheMs })
      const [phone, other] = [await here.signIn(), await here.signIn()]
      const socket = await there.connect(phone.headers)
      const stays = await there.connect(other.headers)
      await isHeard(there)
      await here.app.weappAuth.revoke(phone.userId, phone.sessionId)
      expect(await socket.closed).toEqual(ENDED)
      await here.app.weappAuth.push(phone.userId, 'still here')
      await expect.poll(() => stays.texts).toEqual(['still here'])
    },
  )

  it('a push reaches the sockets in both processes, each once', async () => {
    const [here, there] = await startTwo()
    const phone = await here.signIn()
    const sockets: Live[] = []
    for (const process of [here, there, there]) sockets.push(await process.connect(phone.headers))
    await Promise.all([isHeard(here), isHeard(there)])
    for (const i of [1, 2, 3]) await (i % 2 ? here : there).app.weappAuth.push(phone.userId, `茶 ${i} \n`)
    for (const { texts } of sockets) await expect.poll(() => texts).toHaveLength(3)
    // A second copy would have come by now: this is behind it on every way.
    for (const process of [here, there]) await process.app.weappAuth.push(phone.userId, 'end')
    for (const { texts } of sockets) await expect.poll(() => texts.filter((text) => text === 'end')).toHaveLength(2)
    for (const { texts } of sockets) {
      expect(texts.filter((text) => text !== 'end').sort()).toEqual(['茶 1 \n', '茶 2 \n', '茶 3 \n'])
    }
  })

  it('a process without sockets listens to nothing, and its pushes arrive', async () => {
    const [here, there] = await startTwo()
    const phone = await here.signIn()
    const socket = await there.connect(phone.headers)
    await isHeard(there)
    await here.app.weappAuth.push(phone.userId, 'hello')
    await expect.poll(() => socket.texts).toEqual(['hello'])
    expect(here.sessions.messages?.isHeard()).toBe(false)
  })

  it('a session whose end a process could not hear closes its sockets when the process can hear again', async () => {
    const [here, there] = await startTwo()
    const [phone, other] = [await here.signIn(), await here.signIn()]
    const socket = await there.connect(phone.headers)
    const stays = await there.connect(other.headers)
    await isHeard(there)
    await endConnectionThatListens(there)
    await expect.poll(() => there.sessions.messages?.isHeard(), { interval: 1 }).toBe(false)
    await here.app.weappAuth.revoke(phone.userId, phone.sessionId)
    expect(await socket.closed).toEqual(ENDED)
    await isHeard(there)
    await here.app.weappAuth.push(phone.userId, 'heard again')
    await expect.poll(() => stays.texts).toEqual(['heard again'])
  })

  it('a push while Redis is away reaches the sockets of its own process, and says that it may not have reached others', async () => {
    const [here] = await startTwo()
    const phone = await here.signIn()
    const socket = await here.connect(phone.headers)
    await isHeard(here)
    here.redis.disconnect()
    await expect(here.app.weappAuth.push(phone.userId, 'hello')).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect.poll(() => socket.texts).toEqual(['hello'])
  })

  it('a message on our channel that is not ours is ignored', async () => {
    const [here, there] = await startTwo()
    const phone = await here.signIn()
    const socket = await there.connect(phone.headers)
    await isHeard(there)
    for (const text of ['', 'x', '{', 'null', '[]', '[1,2]', '{"length":2}']) await here.sessions.messages?.send(text)
    await here.app.weappAuth.push(phone.userId, 'hello')
    await expect.poll(() => socket.texts).toEqual(['hello'])
  })
})

/** As a network does that forgets a connection: the others of the process stay. */
async function endConnectionThatListens({ redis, name }: { redis: Redis | Cluster; name: string }): Promise<void> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis]
  for (const node of nodes) {
    const lines = String(await node.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n')
    const [id] = lines.flatMap((line) => (line.includes(`name=${name} `) ? (/^id=(\d+)/.exec(line)?.[1] ?? []) : []))
    if (id) await node.call('CLIENT', 'KILL', 'ID', id)
  }
}

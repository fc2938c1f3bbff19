// Redis as it runs in production: sentinels that replace a master, and a cluster. All on one machine, for one test run.
import { Cluster, Redis } from 'ioredis'
import { startRedis, startSentinel } from './redis.ts'
import { findFreePort, type OwnServer, type Server } from './server.ts'

/** A master that does not answer for this long is replaced, unless a test says otherwise. */
const NODE_TIMEOUT_MS = 1_000
const READY_TIMEOUT_MS = 20_000

export interface RedisGroup extends Server {
  /** Kills the master that holds `key`; another takes its place by itself. */
  killMasterOf(key: string): Promise<void>
}

/** One node that holds every slot: scripts and their keys are checked as in a cluster of many. */
export async function startOneNodeCluster(): Promise<Server> {
  const node = await startNode(NODE_TIMEOUT_MS)
  try {
    await withClient(node.url, async (redis) => {
      await redis.cluster('ADDSLOTSRANGE', 0, 16_383)
      await until(async () => String(await redis.cluster('INFO')).includes('cluster_state:ok'))
    })
  } catch (error) {
    await node.stop()
    throw error
  }
  return { url: clusterUrl([node]), stop: () => node.stop() }
}

/** Three masters with a replica each. */
export async function startRedisCluster(nodeTimeoutMs = NODE_TIMEOUT_MS): Promise<RedisGroup> {
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startNode(nodeTimeoutMs)))
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    const clients = await Promise.all(nodes.map(({ url }) => connect(url)))
    const [first] = clients
    if (!first) throw new Error('no node')
    for (const node of nodes.slice(1)) await first.call('CLUSTER', 'MEET', '127.0.0.1', portOf(node), node.bus)
    for (const [i, [from, to]] of SLOTS.entries()) await clients[i]?.cluster('ADDSLOTSRANGE', from, to)
    await until(async () => String(await first.cluster('INFO')).includes('cluster_state:ok'))
    for (const [i, client] of clients.slice(3).entries()) {
      const id = String(await clients[i]?.cluster('MYID'))
      await until(async () => String(await client.cluster('NODES')).includes(id))
      await until(async () => (await client.cluster('REPLICATE', id).catch(() => null)) === 'OK')
    }
    for (const client of clients) {
      await until(async () => {
        const lines = String(await client.cluster('NODES')).split('\n')
        return lines.filter((line) => / (myself,)?slave /.test(line)).length === 3
      })
    }
    for (const client of clients.slice(3)) {
      await until(async () => (await client.info('replication')).includes('master_link_status:up'))
    }
    for (const client of clients) client.disconnect()
  } catch (error) {
    await stop()
    throw error
  }
  const url = clusterUrl(nodes)
  return {
    url,
    stop,
    async killMasterOf(key) {
      const cluster = new Cluster(nodes.map((node) => ({ host: '127.0.0.1', port: portOf(node) })))
      cluster.on('error', () => {})
      try {
        const slot = await cluster.cluster('KEYSLOT', key)
        const slots = await cluster.cluster('SLOTS')
        const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1]
        await nodes.find((node) => portOf(node) === port)?.kill()
      } finally {
        cluster.disconnect()
      }
    },
  }
}

/** A master, a replica, and three sentinels that watch them under the name `mymaster`. */
export async function startSentinelGroup(nodeTimeoutMs = NODE_TIMEOUT_MS): Promise<RedisGroup> {
  const master = await startRedis()
  const started = [master]
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()))
  }
  try {
    const replica = await startRedis(['--replicaof', '127.0.0.1', `${portOf(master)}`])
    started.push(replica)
    await withClient(replica.url, (redis) =>
      until(async () => (await redis.info('replication')).includes('master_link_status:up')),
    )
    const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(portOf(master), nodeTimeoutMs)))
    started.push(...sentinels)
    for (const { url } of sentinels) {
      await withClient(url, (redis) =>
        until(async () => {
          const info = await redis.info('sentinel')
          return info.includes('status=ok') && info.includes('slaves=1,sentinels=3')
        }),
      )
    }
    return {
      url: `redis+sentinel://${sentinels.map((node) => `127.0.0.1:${portOf(node)}`).join(',')}/mymaster`,
      stop,
      killMasterOf: () => master.kill(),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const SLOTS = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const

async function startNode(nodeTimeoutMs: number): Promise<OwnServer & { bus: number }> {
  // The bus has a port of its own, else it is the node's plus 10 000, which may not exist.
  const bus = await findFreePort()
  const node = await startRedis([
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    `${bus}`,
    // A node that met no other does not know its own.
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-node-timeout',
    `${nodeTimeoutMs}`,
    '--repl-diskless-sync-delay',
    '0',
  ])
  return { ...node, bus }
}

function clusterUrl(nodes: readonly Server[]): string {
  return `redis+cluster://${nodes.map((node) => `127.0.0.1:${portOf(node)}`).join(',')}`
}

function portOf({ url }: Server): number {
  return Number(new URL(url).port)
}

async function connect(url: string): Promise<Redis> {
  const redis = new Redis(url, { enableReadyCheck: false })
  redis.on('error', () => {})
  return redis
}

async function withClient(url: string, use: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = await connect(url)
  try {
    await use(redis)
  } finally {
    redis.disconnect()
  }
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error('the Redis group did not get ready')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

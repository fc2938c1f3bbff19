// Redis as it runs in production: sentinels that replace a master, and a cluster. All on one machine, for one test run.
import { Cluster, Redis } from 'ioredis'
import { SENTINEL_USER, startRedis, startSentinel } from './redis.ts'
import { findFreePort, type OwnServer, type Server } from './server.ts'

/** A master that does not answer for this long is replaced, unless a test says otherwise. */
const NODE_TIMEOUT_MS = 1_000
const READY_TIMEOUT_MS = 60_000

export interface RedisGroup extends Server {
  /**
   * Kills the master that holds `key`; another takes its place by itself. What was written before the call is on the replica:
   * Redis answers a write without waiting for that, so a kill may lose the last ones.
   */
  killMasterOf(key: string): Promise<void>
}

export interface RedisSentinelGroup extends RedisGroup {
  /** The first master, and who is one now. */
  master: OwnServer
  findMaster(): Promise<string>
  /** Lets another take the place of a master that lives. */
  failOver(): Promise<void>
  /** Whether the first master has clients yet, other than its sentinels and its replica. */
  isInUse(): Promise<boolean>
  /** Separates the first master from its sentinels and its replica: its clients still reach it. */
  cutOff(): Promise<void>
  /** Ends that. The sentinels make it a replica of the new master, and it forgets what it was told in between. */
  heal(): Promise<void>
}

export interface RedisClusterGroup extends RedisGroup {
  /** Its servers, masters first. Each may be broken and mended by itself. */
  nodes: readonly OwnServer[]
  /** The master that holds `key` now. */
  masterOf(key: string): Promise<OwnServer>
  /** Begins to move the slot that holds `key` to another master, as `redis-cli --cluster reshard` does. */
  openSlotOf(key: string): Promise<MovingSlot>
}

/** A slot between two masters. A key that is still there is answered by the old master, every other key by the new one. */
export interface MovingSlot {
  /** The keys that the old master still has, in the order in which they would be moved. */
  keys(): Promise<string[]>
  /** Moves these keys to the new master. */
  move(keys: readonly string[]): Promise<void>
  /** Moves what is left and gives the slot to the new master. */
  finish(): Promise<void>
}

export interface RedisClusterOptions {
  /** A master that does not answer for this long is replaced. Default 1000 ms. */
  nodeTimeoutMs?: number
  /** Of each of the three masters: 1 by default, or 0. */
  replicas?: 0 | 1
}

/** One node that holds every slot: scripts and their keys are checked as in a cluster of many. */
export async function startOneNodeCluster(): Promise<Server> {
  const node = await startNode(NODE_TIMEOUT_MS)
  try {
    await withClient(node.url, async (redis) => {
      await redis.cluster('ADDSLOTSRANGE', 0, 16_383)
      await until('the slots are served', async () => String(await redis.cluster('INFO')).includes('cluster_state:ok'))
    })
  } catch (error) {
    await node.stop()
    throw error
  }
  return { url: clusterUrl([node]), stop: () => node.stop() }
}

/** Three masters, each with a replica unless `replicas` is 0. */
export async function startRedisCluster({
  nodeTimeoutMs = NODE_TIMEOUT_MS,
  replicas = 1,
}: RedisClusterOptions = {}): Promise<RedisClusterGroup> {
  const nodes = await Promise.all(Array.from({ length: 3 + 3 * replicas }, () => startNode(nodeTimeoutMs)))
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    const clients = await Promise.all(nodes.map(({ url }) => connect(url)))
    const [first] = clients
    if (!first) throw new Error('no node')
    for (const node of nodes.slice(1)) await first.call('CLUSTER', 'MEET', '127.0.0.1', portOf(node), node.bus)
    for (const [i, [from, to]] of SLOTS.entries()) await clients[i]?.cluster('ADDSLOTSRANGE', from, to)
    for (const client of clients) {
      await until('all nodes know each other', async () => {
        const info = String(await client.cluster('INFO'))
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`)
      })
    }
    for (const [i, client] of clients.slice(3).entries()) {
      const id = String(await clients[i]?.cluster('MYID'))
      await until('a replica knows its master', async () => String(await client.cluster('NODES')).includes(id))
      await until(
        'a replica has its master',
        async () => (await client.cluster('REPLICATE', id).catch(() => null)) === 'OK',
      )
    }
    for (const client of clients) {
      await until('all nodes know the replicas', async () => {
        const lines = String(await client.cluster('NODES')).split('\n')
        return lines.filter((line) => / (myself,)?slave /.test(line)).length === 3 * replicas
      })
    }
    for (const client of clients.slice(3)) {
      await until('a replica follows', () => isFollowing(client))
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
    nodes,
    masterOf: async (key) => (await findMaster(nodes, key)).node,
    async killMasterOf(key) {
      const { node } = await findMaster(nodes, key)
      await withClient(node.url, (redis) => replicate(redis, key))
      await node.kill()
    },
    openSlotOf: async (key) => openSlot(nodes.slice(0, 3), await findMaster(nodes, key)),
  }
}

async function findMaster(nodes: readonly OwnServer[], key: string): Promise<{ node: OwnServer; slot: number }> {
  const cluster = new Cluster(nodes.map((node) => ({ host: '127.0.0.1', port: portOf(node) })))
  cluster.on('error', () => {})
  try {
    const slot = await cluster.cluster('KEYSLOT', key)
    const slots = await cluster.cluster('SLOTS')
    const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1]
    const node = nodes.find((node) => portOf(node) === port)
    if (!node) throw new Error(`no master has slot ${slot}`)
    return { node, slot }
  } finally {
    cluster.disconnect()
  }
}

async function openSlot(
  masters: readonly OwnServer[],
  { node, slot }: { node: OwnServer; slot: number },
): Promise<MovingSlot> {
  const target = masters.find((master) => master !== node)
  if (!target) throw new Error('no other master')
  const [from, to] = [await connect(node.url), await connect(target.url)]
  const [fromId, toId] = [String(await from.cluster('MYID')), String(await to.cluster('MYID'))]
  await to.cluster('SETSLOT', slot, 'IMPORTING', fromId)
  await from.cluster('SETSLOT', slot, 'MIGRATING', toId)
  const keys = async () => (await from.cluster('GETKEYSINSLOT', slot, 10_000)) as string[]
  const move = async (names: readonly string[]) => {
    if (names.length > 0) await from.migrate('127.0.0.1', portOf(target), '', 0, 5_000, 'KEYS', ...names)
  }
  return {
    keys,
    move,
    async finish() {
      await move(await keys())
      // The new master first: it is the one who has the keys.
      await to.cluster('SETSLOT', slot, 'NODE', toId)
      for (const master of masters) {
        const client = await connect(master.url)
        await client.cluster('SETSLOT', slot, 'NODE', toId)
        client.disconnect()
      }
      from.disconnect()
      to.disconnect()
    },
  }
}

/** A master, a replica, and three sentinels that watch them under the name `mymaster`. */
export async function startSentinelGroup({ nodeTimeoutMs = NODE_TIMEOUT_MS } = {}): Promise<RedisSentinelGroup> {
  // Each kind of caller signs in by a name of its own, so that a master can be cut off from sentinels and replica alone.
  const names = [SERVICE_USER, SENTINEL_USER, REPLICA_USER]
  const users = names.flatMap((name) => ['--user', name, 'on', `>${name}`, '~*', '&*', '+@all'])
  const access = [...users, '--user', 'default', 'off', '--masteruser', REPLICA_USER, '--masterauth', REPLICA_USER]
  const master = await startRedis(access)
  const started = [master]
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()))
  }
  try {
    const replica = await startRedis([...access, '--replicaof', '127.0.0.1', `${portOf(master)}`])
    started.push(replica)
    await withClient(asService(replica), (redis) => until('the replica follows', () => isFollowing(redis)))
    const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(portOf(master), nodeTimeoutMs)))
    started.push(...sentinels)
    for (const { url } of sentinels) {
      await withClient(url, (redis) =>
        until('the sentinels know the group', async () => {
          const info = await redis.info('sentinel')
          return info.includes('status=ok') && info.includes('slaves=1,sentinels=3')
        }),
      )
    }
    const first = sentinels[0] as OwnServer
    const shutOut = (state: 'on' | 'off') =>
      withClient(asService(master), async (redis) => {
        for (const name of [SENTINEL_USER, REPLICA_USER]) {
          await redis.acl('SETUSER', name, state)
          if (state === 'off') await redis.client('KILL', 'USER', name)
        }
      })
    return {
      url: `redis+sentinel://${SERVICE_USER}:${SERVICE_USER}@${sentinels.map((node) => `127.0.0.1:${portOf(node)}`).join(',')}/mymaster`,
      stop,
      master,
      async killMasterOf(key) {
        await withClient(asService(master), (redis) => replicate(redis, key))
        await master.kill()
      },
      async findMaster() {
        let url = ''
        await withClient(first.url, async (redis) => {
          const answer = (await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')) as string[]
          url = `redis://${answer.join(':')}`
        })
        return url
      },
      failOver: () =>
        withClient(first.url, async (redis) => {
          await redis.call('SENTINEL', 'FAILOVER', 'mymaster')
        }),
      async isInUse() {
        let clients = 0
        await withClient(asService(master), async (redis) => {
          const list = String(await redis.client('LIST'))
          clients = list.split('\n').filter((line) => line.includes(` user=${SERVICE_USER} `)).length
        })
        // Whoever asks is one of them.
        return clients > 1
      },
      cutOff: () => shutOut('off'),
      async heal() {
        await shutOut('on')
        // Sentinels wait for some seconds before they tell a server that it is no master any more.
        await withClient(asService(master), (redis) =>
          until('the old master follows the new one', () => isFollowing(redis)),
        )
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Resolves when the replica of a master has all that was written there until now. `key` lies on that master. */
async function replicate(redis: Redis, key: string): Promise<void> {
  // WAIT is about the writes of its own connection, and whatever came before them.
  await redis.set(`${key}replicated`, '1', 'PX', 1)
  if ((await redis.wait(1, READY_TIMEOUT_MS)) < 1) throw new Error('the replica did not follow its master')
}

/** The password is the same as the name. */
const SERVICE_USER = 'service'
const REPLICA_USER = 'replica'

function asService({ url }: Server): string {
  return url.replace('//', `//${SERVICE_USER}:${SERVICE_USER}@`)
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

async function isFollowing(replica: Redis): Promise<boolean> {
  return (await replica.info('replication')).includes('master_link_status:up')
}

/** @param what for the error when it does not come true */
async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`a group of Redis servers did not get ready: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

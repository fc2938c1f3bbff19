import { lookup } from 'node:dns'
import { createOutageLog } from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { followSentinels } from './redis-sentinels.ts'
import { parseRedisUrl, type RedisNode, type RedisTarget } from './redis-url.ts'

/**
 * A store that does not answer in time is treated as gone; the caller gets a 503, not a wait. A command that waits for the batch
 * before it takes this twice, and a guarded request is promised its 503 within 500 ms.
 */
const COMMAND_TIMEOUT_MS = 230
const CONNECT_TIMEOUT_MS = 2_000
/**
 * A connection that does not answer for this long was lost without a word; TCP would take a quarter of an hour to say so.
 * Giving it up ends what waits for it: otherwise a sign-in, which sends several commands, would take more than a second.
 */
const SILENCE_TIMEOUT_MS = 400
/** Reconnecting is quick, so that the service recovers within a second of Redis coming back. */
const RECONNECT_DELAY_MS = 250
/** A command that meets a node that is gone, or a slot that moved, is sent so often more and no longer than a store may take. */
const MAX_REDIRECTIONS = 3
const REDIRECTION_DELAY_MS = 50

/**
 * Connects to Redis: one server, the master that sentinels name, or a cluster. The library's defaults queue commands while
 * Redis is away and wait for answers for ever: here a command fails at once or within {@link COMMAND_TIMEOUT_MS}, and the
 * connection keeps being retried in the background, the first one too. `attempted` settles with the first attempt, however
 * it ends.
 */
export function connectRedis(
  url: string,
  log: FastifyBaseLogger,
  outageLog = createOutageLog(),
): { redis: Redis | Cluster; attempted: Promise<void> } {
  const target = parseRedisUrl(url)
  if (!target) throw new TypeError('url is not an address of Redis')
  const redis = createClient(target)
  const say = (line: () => void) => outageLog.tell('store_unavailable', line)
  let isDown = false
  redis.on('error', (error) => {
    // The message alone: the error holds the command, and the command may be AUTH with its password.
    const { message: reason } = error
    if (!isDown) say(() => log.error({ reason }, 'the session store (Redis) cannot be reached, trying again'))
    isDown = true
  })
  redis.on('ready', () => {
    if (isDown) say(() => log.info('the session store (Redis) is back'))
    isDown = false
  })
  // A first connection that fails is reported by the error event above.
  const attempted = redis.connect().catch(() => {})
  return { redis, attempted }
}

function createClient(target: RedisTarget): Redis | Cluster {
  const { username, password, db } = target
  const deadlines = {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
  } satisfies RedisOptions
  const connection = {
    ...deadlines,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    maxLoadingRetryTime: RECONNECT_DELAY_MS,
  } satisfies RedisOptions
  const single = {
    ...connection,
    db,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 1,
    retryStrategy: () => RECONNECT_DELAY_MS,
  } satisfies RedisOptions
  switch (target.kind) {
    case 'standalone':
      return new Redis({ ...single, ...target.node, ...(target.tls && { tls: {} }) })
    case 'sentinel': {
      const sentinels = followSentinels(target, deadlines, RECONNECT_DELAY_MS)
      const redis = new Redis({ ...single, ...sentinels.options })
      redis.once('end', () => sentinels.close())
      return redis
    }
    case 'cluster':
      return createCluster(target.nodes, connection)
  }
}

/**
 * A cluster client that finds its way back after every address of REDIS_URL was replaced, and the rest of the cluster restarted:
 * it remembers the nodes it has met. No `enableAutoPipelining` here: a batch of commands for one node is refused as a whole while
 * one of its slots moves.
 */
function createCluster(seeds: RedisNode[], connection: RedisOptions): Cluster {
  let met: RedisNode[] = []
  const cluster: Cluster = new Cluster(seeds, {
    redisOptions: connection,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRedirections: MAX_REDIRECTIONS,
    retryDelayOnFailover: REDIRECTION_DELAY_MS,
    retryDelayOnClusterDown: REDIRECTION_DELAY_MS,
    retryDelayOnTryAgain: REDIRECTION_DELAY_MS,
    // A name that does not resolve is one node that cannot be reached, and no reason to ask none of the others.
    dnsLookup: (host, done) => lookup(host, (error, address, family) => done(null, error ? host : address, family)),
    clusterRetryStrategy: () => {
      // The seeds as well: a name may stand for other addresses by now. That this may be set is in ioredis's README.
      Reflect.set(cluster, 'startupNodes', [...seeds, ...met])
      return RECONNECT_DELAY_MS
    },
  })
  cluster.on('refresh', () => {
    met = cluster.nodes().map(({ options: { host = '', port = 0 } }) => ({ host, port }))
  })
  return cluster
}

/**
 * What this package needs of a Redis client: `Redis` and `Cluster` of ioredis 5 and 6 have it, and so has `app.redis` of
 * `@fastify/redis`. It is written down here, so that an application without ioredis can compile against this package.
 */
export type RedisClient = RedisServerClient | RedisClusterClient

/** Commands, as ioredis sends them. */
interface RedisCommands {
  get(key: string): Promise<string | null>
  /** Milliseconds, negative when there is none or no such key. */
  pttl(key: string): Promise<number>
  mget(keys: string[]): Promise<(string | null)[]>
  set(key: string, value: string, px: 'PX', ttlMs: number): Promise<string | null>
  set(key: string, value: string, px: 'PX', ttlMs: number, nx: 'NX'): Promise<string | null>
  set(key: string, value: string, nx: 'NX'): Promise<string | null>
  set(key: string, value: string, keepTtl: 'KEEPTTL', xx: 'XX'): Promise<string | null>
  zrem(key: string, ...members: string[]): Promise<number>
  unlink(...keys: string[]): Promise<number>
  publish(channel: string, message: string): Promise<number>
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
  /** Adds a script as a method: the keys and arguments are its parameters. */
  defineCommand(name: string, definition: { lua: string; numberOfKeys?: number }): void
  on(event: 'close' | 'ready', listener: () => void): unknown
  readonly status: string
}

/** A client of one server, or of the master that sentinels name. */
export interface RedisServerClient extends RedisCommands {
  info(section: 'memory' | 'stats'): Promise<string>
  scan(
    cursor: string,
    match: 'MATCH',
    pattern: string,
    count: 'COUNT',
    atOnce: number,
  ): Promise<[cursor: string, keys: string[]]>
  readonly options: { keyPrefix?: string }
  /** A second connection to the same place. */
  duplicate(options: RedisSubscriberOptions): RedisSubscriber
}

/** A client of Redis Cluster. */
export interface RedisClusterClient extends RedisCommands {
  readonly options: { keyPrefix?: string; scaleReads?: unknown; enableAutoPipelining?: boolean }
  nodes(role: 'master'): RedisServerClient[]
}

/** How a connection that only listens differs from the client it is made of. */
export interface RedisSubscriberOptions {
  lazyConnect: boolean
  autoResubscribe: boolean
  enableOfflineQueue: boolean
  enableAutoPipelining: boolean
  maxRetriesPerRequest: number
  commandTimeout: number
  retryStrategy: () => null
  sentinelRetryStrategy: () => null
  reconnectOnError: null
}

/** A connection that listens to a channel. */
export interface RedisSubscriber {
  readonly status: string
  connect(): Promise<void>
  subscribe(channel: string): Promise<unknown>
  ping(): Promise<string>
  disconnect(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  once(event: 'end', listener: () => void): unknown
}

/** Whether the keys of one call may lie on different servers. */
export function isCluster(redis: RedisClient): redis is RedisClusterClient {
  return 'nodes' in redis
}

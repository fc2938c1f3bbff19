import type { FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'

/** A store that does not answer in time is treated as gone; the caller gets a 503, not a wait. */
const COMMAND_TIMEOUT_MS = 300
const CONNECT_TIMEOUT_MS = 2_000
/** A connection that was asked and stays silent was lost without a word; TCP would take a quarter of an hour to say so. */
const SILENCE_TIMEOUT_MS = 1_000
/** Reconnecting is quick, so that the service recovers within a second of Redis coming back. */
const RECONNECT_DELAY_MS = 250

/**
 * Connects to Redis. The library's defaults queue commands while Redis is away and wait for answers for ever: here a
 * command fails at once or within {@link COMMAND_TIMEOUT_MS}, and the connection keeps being retried in the background,
 * the first one too. `attempted` settles with the first attempt, however it ends.
 */
export function connectRedis(url: string, log: FastifyBaseLogger): { redis: Redis; attempted: Promise<void> } {
  const redis = new Redis(url, {
    lazyConnect: true,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 1,
    maxLoadingRetryTime: RECONNECT_DELAY_MS,
    retryStrategy: () => RECONNECT_DELAY_MS,
  })
  let isDown = false
  redis.on('error', (error) => {
    // The message alone: the error holds the command, and the command may be AUTH with its password.
    if (!isDown) log.error({ reason: error.message }, 'the session store (Redis) cannot be reached, trying again')
    isDown = true
  })
  redis.on('ready', () => {
    if (isDown) log.info('the session store (Redis) is back')
    isDown = false
  })
  // A first connection that fails is reported by the error event above.
  const attempted = redis.connect().catch(() => {})
  return { redis, attempted }
}

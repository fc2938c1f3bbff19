import { isCluster, type RedisClient, type RedisSubscriber } from '../redis.ts'
import type { EndedSessions, EndedSessionsListener } from './ended-sessions.ts'

/** How soon after a lost connection, or one that could not be made, the next one is tried. */
const RETRY_MS = 250
/** A connection that only listens would not notice that the other end is gone. */
const PING_MS = 1_000
/** Together with {@link PING_MS} less than the 1.5 s within which a lost connection is to be noticed. */
const PING_TIMEOUT_MS = 350

/**
 * Hears from Redis which sessions end, on a connection of its own: one that listens cannot ask. In a cluster any node will
 * do, because a message goes to all of them.
 *
 * @param warn is told once that nothing can be heard, until it can again
 */
export function hearEndedSessions(o: {
  redis: RedisClient
  channel: string
  warn: (message: string) => void
}): EndedSessions {
  const { redis, channel, warn } = o
  let listener: EndedSessionsListener | undefined
  let connection: RedisSubscriber | null = null
  let isHeard = false
  let isClosed = false
  let isWarned = false
  let retry: NodeJS.Timeout | undefined
  const ping = setInterval(() => {
    const asked = connection
    if (!asked || !isHeard) return
    asked.ping().catch(() => {
      if (asked === connection) lose()
      asked.disconnect()
    })
  }, PING_MS).unref()

  // The client may come back on another server, whose messages this connection would not get.
  redis.on('close', () => connection?.disconnect())
  connect()
  return {
    isHeard: () => isHeard,
    listen: (next) => {
      listener = next
    },
    close: () => {
      isClosed = true
      clearTimeout(retry)
      clearInterval(ping)
      connection?.disconnect()
    },
  }

  function connect(): void {
    const subscriber = createSubscriber(redis)
    connection = subscriber
    if (!subscriber) {
      retryLater()
      return
    }
    subscriber.on('error', () => {})
    subscriber.on('message', (_, ids: string) => listener?.onEnded(ids.split(' ')))
    // Once, however it came about: the connection does not come back by itself, so that nothing is heard only in part.
    subscriber.once('end', () => {
      lose()
      retryLater()
    })
    subscriber
      .connect()
      .then(() => subscriber.subscribe(channel))
      .then(() => {
        isHeard = subscriber.status === 'ready'
        isWarned = false
      })
      .catch((error) => {
        // Redis itself being away is told by whoever asks it. This is about a right to listen that is missing.
        if (/^NOPERM/.test(error.message) && !isWarned) {
          isWarned = true
          warn(`sessions are not cached: this user of Redis may not use the channel ${channel} (ACL: &${channel})`)
        }
        subscriber.disconnect()
      })
  }

  function lose(): void {
    if (!isHeard) return
    isHeard = false
    listener?.onLost()
  }

  function retryLater(): void {
    if (!isClosed) retry = setTimeout(connect, RETRY_MS).unref()
  }
}

/** Null while no node of a cluster is known. */
function createSubscriber(redis: RedisClient): RedisSubscriber | null {
  const nodes = isCluster(redis) ? redis.nodes('master') : [redis]
  const node = nodes[Math.floor(Math.random() * nodes.length)]
  return (
    node?.duplicate({
      lazyConnect: true,
      autoResubscribe: false,
      enableOfflineQueue: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: 0,
      commandTimeout: PING_TIMEOUT_MS,
      retryStrategy: () => null,
      sentinelRetryStrategy: () => null,
      reconnectOnError: null,
    }) ?? null
  )
}

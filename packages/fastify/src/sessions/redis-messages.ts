import { randomUUID } from 'node:crypto'
import { isCluster, type RedisClient, type RedisSubscriber } from '../redis.ts'
import type { LocalMessages, StoreListener } from './store-messages.ts'

/** How soon the next connection is tried after one was lost or could not be made. */
const RETRY_MS = 250
/** How often the connection is pinged: one that only listens would not notice that the other end is gone. */
const PING_MS = 1_000
/** Together with {@link PING_MS} less than the 1.5 s within which a lost connection is to be noticed. */
const PING_TIMEOUT_MS = 350

/** Stands before the id of a session that was changed but not ended. No id begins with it. */
const CHANGED = '~'

/** Messages through Redis, with what only the session store uses. */
export interface RedisMessages extends LocalMessages {
  /** The channel on which the scripts publish the ids of sessions that end. */
  endedChannel: string
  close(): void
}

/**
 * Messages through channels of Redis. They are heard on a connection of their own, because a connection that listens cannot send
 * commands; it is opened for the first listener. In a cluster any node will do, because a message goes to all of them.
 *
 * @param publish sends, and rejects as a method of the store does
 * @param warn is told once that nothing can be heard, until it can again
 */
export function createRedisMessages(o: {
  redis: RedisClient
  keyPrefix: string
  publish: (channel: string, text: string) => Promise<unknown>
  warn: (message: string) => void
}): RedisMessages {
  const { redis, keyPrefix, publish, warn } = o
  const endedChannel = `${keyPrefix}ended`
  /** The channel for what processes send each other. A process subscribes when one of its listeners wants texts. */
  const textChannel = `${keyPrefix}messages`
  /** Stands before each text, so that a process does not hear itself. */
  const self = randomUUID()
  const listeners = new Set<StoreListener>()
  let connection: RedisSubscriber | null = null
  let isHeard = false
  let isClosed = false
  /** Channels that this user of Redis may not use, and whose warning is out. */
  const warned = new Set<string>()
  let ping: NodeJS.Timeout | undefined

  return {
    endedChannel,
    isHeard: () => isHeard,
    listen(listener) {
      const isFirst = listeners.size === 0
      listeners.add(listener)
      if (isFirst) {
        ping = setInterval(checkConnection, PING_MS).unref()
        // The client may come back on another server, whose messages this connection would not get.
        redis.on('close', () => connection?.disconnect())
        connect()
      } else if (isHeard && connection) {
        begin(connection).catch(() => {})
      }
    },
    send: async (text) => void (await publish(textChannel, `${self} ${text}`)),
    // At once. The message from Redis comes later, and tells the same again.
    tellEnded,
    close: () => {
      isClosed = true
      clearInterval(ping)
      connection?.disconnect()
    },
  }

  function connect(): void {
    if (isClosed) return
    const subscriber = createSubscriber(redis)
    connection = subscriber
    if (!subscriber) {
      retryLater()
      return
    }
    subscriber.on('error', () => {})
    subscriber.on('message', (channel, message: string) => {
      if (channel === endedChannel && message.startsWith(CHANGED)) tellChanged(message.slice(CHANGED.length))
      else if (channel === endedChannel) tellEnded(message.split(' '))
      else if (!message.startsWith(self)) tellText(message.slice(self.length + 1))
    })
    // The connection does not come back by itself. A new one subscribes to everything, so that nothing is heard only in part.
    subscriber.once('end', () => {
      lose()
      retryLater()
    })
    subscriber
      .connect()
      .then(() => begin(subscriber))
      .catch(() => subscriber.disconnect())
  }

  /** Subscribes to the channels that the listeners need, then tells them. Subscribing a second time changes nothing. */
  async function begin(subscriber: RedisSubscriber): Promise<void> {
    await subscribe(subscriber, endedChannel, 'sessions are not cached')
    isHeard = subscriber.status === 'ready'
    if ([...listeners].some(({ onText }) => onText)) {
      await subscribe(subscriber, textChannel, 'pushes of other processes do not reach their sockets').catch(() => {})
    }
    if (isHeard) for (const { onHeard } of listeners) onHeard?.()
  }

  async function subscribe(subscriber: RedisSubscriber, channel: string, consequence: string): Promise<void> {
    try {
      await subscriber.subscribe(channel)
      warned.delete(channel)
    } catch (error) {
      // Only a missing right is told here. That Redis is away is told by the commands that fail.
      if (error instanceof Error && /^NOPERM/.test(error.message) && !warned.has(channel)) {
        warned.add(channel)
        warn(`${consequence}: this user of Redis may not use the channel ${channel} (ACL: &${channel})`)
      }
      throw error
    }
  }

  function checkConnection(): void {
    const asked = connection
    if (!asked || !isHeard) return
    asked.ping().catch(() => {
      if (asked === connection) lose()
      asked.disconnect()
    })
  }

  function lose(): void {
    isHeard = false
    for (const { onLost } of listeners) onLost?.()
  }

  function tellChanged(id: string): void {
    for (const { onChanged } of listeners) onChanged?.([id])
  }

  function tellEnded(ids: readonly string[]): void {
    for (const { onEnded } of listeners) onEnded(ids)
  }

  function tellText(text: string): void {
    for (const { onText } of listeners) onText?.(text)
  }

  function retryLater(): void {
    setTimeout(connect, RETRY_MS).unref()
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

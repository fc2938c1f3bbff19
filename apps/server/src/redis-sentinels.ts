import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis'
import type { RedisNode } from './redis-url.ts'

/** How often each sentinel is asked. A master that was replaced goes on taking writes until we leave it, and loses them. */
const ASK_EVERY_MS = 250

/** A master, as one sentinel names it. */
interface Master extends RedisNode {
  /** Counts the elections of this group: what a sentinel says of a later one is true. */
  epoch: number
}

export interface FollowedMaster {
  options: Pick<RedisOptions, 'Connector' | 'retryStrategy' | 'reconnectOnError'>
  /** Ends the connections to the sentinels. */
  close(): void
}

/**
 * The options of a client that writes to the master which the sentinels at `nodes` call `name`, and to no other: a master that was
 * replaced is left at once. Cut off from its sentinels, but not from us, it does not know that it was replaced: sessions that
 * were ended would live when it is found again, and new ones would be gone.
 *
 * ioredis believes the first sentinel that answers. That one may have been cut off together with the old master, or have just
 * restarted, so here all of them are asked, all the time, and the one that knows the latest election is believed. Asking also
 * notices a connection to a sentinel that was lost without a word, which listening to `+switch-master` does not.
 *
 * @param deadlines of a connection to a sentinel
 */
export function followSentinels(
  { nodes, name }: { nodes: readonly RedisNode[]; name: string },
  deadlines: Pick<RedisOptions, 'commandTimeout' | 'connectTimeout' | 'socketTimeout'>,
  retryDelayMs: number,
): FollowedMaster {
  const sentinels = nodes.map((node) => {
    const options = { ...deadlines, protocol: 2, lazyConnect: true, enableReadyCheck: false } as const
    const redis = new Redis({ ...options, ...node, retryStrategy: () => retryDelayMs, maxRetriesPerRequest: 0 })
    redis.on('error', () => {})
    return { redis, said: null as Master | null }
  })
  const streams = new Set<Socket>()
  let master: Master | null = null
  /** The master of the last attempt to connect, whether it succeeded or not. */
  let tried: Master | null = null
  let firstRound: Promise<unknown> | undefined
  let timer: NodeJS.Timeout | undefined

  async function ask(sentinel: (typeof sentinels)[number]): Promise<void> {
    // Only the first of these two names the new master as soon as it is one; only the second counts elections.
    const [address, details] = (await Promise.all([
      sentinel.redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
      sentinel.redis.call('SENTINEL', 'MASTER', name),
    ])) as [[host: string, port: string] | null, string[]]
    const epoch = Number(details[details.indexOf('config-epoch') + 1])
    if (address) sentinel.said = { host: address[0], port: Number(address[1]), epoch }
    believeNewest()
  }

  function believeNewest(): void {
    let newest: Master | null = null
    for (const { said } of sentinels) if (said && said.epoch > (newest?.epoch ?? -1)) newest = said
    if (!newest || (newest.host === master?.host && newest.port === master.port)) return
    master = newest
    // What is under way on these would be answered by a master that loses it.
    for (const stream of streams) stream.destroy()
  }

  const askAll = () => Promise.allSettled(sentinels.map(ask))

  class MasterConnector extends AbstractConnector {
    constructor(options: unknown) {
      const { disconnectTimeout = 0 } = options as RedisOptions
      super(disconnectTimeout)
    }

    override async connect(emit: (type: string, error: Error) => void): Promise<Socket> {
      this.connecting = true
      timer ??= setInterval(askAll, ASK_EVERY_MS).unref()
      firstRound ??= askAll()
      await firstRound
      while (!master && this.connecting) {
        emit('error', new Error(`no sentinel that can be reached knows a master called ${name}`))
        await sleep(retryDelayMs)
      }
      if (!master || !this.connecting) throw new Error('Connection is closed.')
      tried = master
      const stream = connect(master)
      streams.add(stream)
      stream.once('close', () => streams.delete(stream))
      stream.once('error', (error) => {
        this.firstError = error
      })
      this.stream = stream
      return stream
    }

    /** A server that was a master when it was named may be a replica by now. */
    override check({ role }: { role?: string }): boolean {
      return role === undefined || role === 'master'
    }
  }

  return {
    options: {
      Connector: MasterConnector,
      // To another master at once: it is known to be there.
      retryStrategy: () => (tried === master ? retryDelayMs : 0),
      // The sentinels may not have noticed yet.
      reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    },
    close() {
      clearInterval(timer)
      for (const { redis } of sentinels) redis.disconnect()
    },
  }
}

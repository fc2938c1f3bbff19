import { isCluster, type RedisClient, type RedisServerClient } from '../redis.ts'

/** How often the servers are asked again: an operator can change the policy at any time. */
const ASK_EVERY_MS = 10_000

/** What is known about the keys that Redis drops when its memory is full. */
export interface Evictions {
  /** What an operator should change, a sentence for each policy that a server has. */
  warnings(): readonly string[]
  /** Whether a server may have dropped keys in the last `ms` milliseconds. */
  haveHappenedWithin(ms: number): boolean
  close(): void
}

/**
 * Asks Redis, whenever a connection to it is made and every 10 s, whether it may drop keys of ours when its memory is full,
 * and whether it has. Such a server signs users out, and loses the lists by which all sessions of a user are ended.
 *
 * @param warn is told once for each policy
 */
export function watchEvictions(redis: RedisClient, warn: (message: string) => void): Evictions {
  let warnings: string[] = []
  /** How many keys each server had dropped when it last answered. */
  const counts = new WeakMap<RedisServerClient, string>()
  /** When a server was last seen to have dropped further keys. At the first look, all that it has ever dropped count as new. */
  let lastAtMs = Number.NEGATIVE_INFINITY
  const told = new Set<string>()

  const ask = async () => {
    const policies = await Promise.all((isCluster(redis) ? redis.nodes('master') : [redis]).map(askServer))
    const evicting = [...new Set(policies)].filter((policy) => policy !== 'noeviction')
    warnings = evicting.map(
      (policy) =>
        `Redis has maxmemory-policy ${policy} and may drop sessions and the lists of them when it is full: set it to noeviction`,
    )
    for (const warning of warnings) if (!told.has(warning)) warn(warning)
    for (const warning of warnings) told.add(warning)
  }

  /** Notes whether a server has dropped further keys; an answer that fails changes nothing about that. Returns its policy. */
  const askServer = async (server: RedisServerClient) => {
    const read = (section: 'memory' | 'stats') => server.info(section).catch(() => '')
    const [memory, stats] = await Promise.all([read('memory'), read('stats')])
    const count = /^evicted_keys:(\d+)/m.exec(stats)?.[1]
    if (count !== undefined) {
      if (count !== '0' && count !== counts.get(server)) lastAtMs = performance.now()
      counts.set(server, count)
    }
    // A server that does not report its policy, or not to this user of Redis, is taken to have `noeviction`.
    return /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? 'noeviction'
  }

  const askIfReady = () => {
    if (redis.status === 'ready') void ask()
  }
  redis.on('ready', () => void ask())
  askIfReady()
  const timer = setInterval(askIfReady, ASK_EVERY_MS).unref()
  return {
    warnings: () => warnings,
    haveHappenedWithin: (ms) => performance.now() - lastAtMs < ms,
    close: () => clearInterval(timer),
  }
}

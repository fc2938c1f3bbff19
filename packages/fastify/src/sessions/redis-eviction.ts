import { isCluster, type RedisClient } from '../redis.ts'

/**
 * Asks Redis, whenever a connection to it is made, whether it may drop keys of ours when its memory is full. Such a server
 * signs users out, and loses the lists by which all sessions of a user are ended.
 *
 * @param warn is told once for each policy
 */
export function watchEvictionPolicy(redis: RedisClient, warn: (message: string) => void) {
  let warnings: string[] = []
  const told = new Set<string>()

  const ask = async () => {
    const servers = isCluster(redis) ? redis.nodes('master') : [redis]
    const infos = await Promise.all(servers.map((server) => server.info('memory').catch(() => '')))
    // A server that does not report its policy, or not to this user of Redis, is taken to have `noeviction`.
    const policies = infos.map((info) => /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction')
    const evicting = [...new Set(policies)].filter((policy) => policy !== 'noeviction')
    warnings = evicting.map(
      (policy) =>
        `Redis has maxmemory-policy ${policy} and may drop sessions and the lists of them when it is full: set it to noeviction`,
    )
    for (const warning of warnings) if (!told.has(warning)) warn(warning)
    for (const warning of warnings) told.add(warning)
  }

  redis.on('ready', () => void ask())
  if (redis.status === 'ready') void ask()
  return { warnings: () => warnings }
}

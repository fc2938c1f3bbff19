import { isCluster, type RedisClient, type RedisServerClient } from '../redis.ts'
import type { GuardMethod } from '../store-failure.ts'
import { ERASED_KNOWN_MS, type RestoreSupport } from './restore-support.ts'

/** Keys that one SCAN looks at. */
const SCANNED_AT_ONCE = 500

/** `ZADD`, and without those that are too old; nothing of it stays for ever. */
const NOTE = `
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])`
const LIST = `return redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES')`

/** Erased users are one sorted set, `<prefix>erased`, scored by time. */
export function createRedisRestoreSupport(o: {
  redis: RedisClient
  keyPrefix: string
  guarded: GuardMethod
}): RestoreSupport {
  const { redis, keyPrefix, guarded } = o
  const key = `${keyPrefix}erased`

  return {
    noteErased: guarded(async (userId, nowMs) => {
      await redis.eval(NOTE, 1, key, userId, `${nowMs}`, `${ERASED_KNOWN_MS}`)
    }),

    listErased: guarded(async ({ skip, limit }) => {
      // Plain texts in turn, also where the client speaks RESP3: a script answers as it always did.
      const flat = (await redis.eval(LIST, 1, key, `${skip}`, `${skip + limit - 1}`)) as string[]
      return Array.from({ length: flat.length / 2 }, (_, n) => ({
        userId: String(flat[2 * n]),
        atMs: Number(flat[2 * n + 1]),
      }))
    }),

    endAll: guarded(async () => {
      const servers = isCluster(redis) ? redis.nodes('master') : [redis]
      for (const server of servers) await endAllOn(server)
    }),
  }

  async function endAllOn(server: RedisServerClient): Promise<void> {
    const pattern = `${escapePattern(keyPrefix)}*`
    for (let cursor: string | null = '0'; cursor !== null; ) {
      const [next, found] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE)
      const keys = found.filter((name) => isOfSessions(name.slice(keyPrefix.length)))
      // One key each: in a cluster they lie on different slots.
      await Promise.all(keys.map((name) => redis.unlink(name)))
      cursor = next === '0' ? null : next
    }
  }
}

/** A session, or the index of a user's sessions. */
function isOfSessions(rest: string): boolean {
  return rest.startsWith('{') || rest.startsWith('u{')
}

function escapePattern(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&')
}

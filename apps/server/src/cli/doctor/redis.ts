import type { Redis } from 'ioredis'
import { pino } from 'pino'
import type { Config } from '../../config.ts'
import type { Say } from '../../language.ts'
import { connectRedis } from '../../redis.ts'
import { parseRedisUrl } from '../../redis-url.ts'
import type { Finding } from './finding.ts'
import { messageOf } from './stores.ts'

/** How many keys are tried to find one for each master of a cluster; far fewer are needed. */
const KEYS_TRIED = 1_000

/** Looks at each master of the sessions' Redis. */
export async function checkRedis({ redisUrl }: Config, say: Say): Promise<Finding[]> {
  if (!redisUrl) return []
  const { redis, attempted } = connectRedis(redisUrl, pino({ level: 'silent' }))
  try {
    await attempted
    if (redis.status !== 'ready') throw new Error(say('it does not answer', '没有应答'))
    const masters = 'nodes' in redis ? redis.nodes('master') : [redis]
    const isGroup = parseRedisUrl(redisUrl)?.kind !== 'standalone'
    return (await Promise.all(masters.map((master) => checkMaster(master, isGroup, say)))).flat()
  } catch (error) {
    return [
      {
        state: 'bad',
        about: 'Redis',
        what: say(`cannot be asked: ${messageOf(error)}`, `无法访问：${messageOf(error)}`),
        fix: say('see that it runs, and that REDIS_URL is right', '请确认它在运行，REDIS_URL 正确'),
      },
    ]
  } finally {
    redis.disconnect()
  }
}

async function checkMaster(redis: Redis, isGroup: boolean, say: Say): Promise<Finding[]> {
  const about = `Redis ${redis.options.host}:${redis.options.port}`
  const info = await redis.info()
  const [, version = ''] = /redis_version:(\S+)/.exec(info) ?? []
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const findings: Finding[] = [
    major > 6 || (major === 6 && minor >= 2)
      ? { state: 'good', about, what: say(`answers, version ${version}`, `可以访问，版本 ${version}`) }
      : {
          state: 'bad',
          about,
          what: say(`version ${version} is too old`, `版本 ${version} 太旧`),
          fix: say('use Redis 6.2 or newer, or Valkey', '请使用 Redis 6.2 以上或 Valkey'),
        },
  ]
  findings.push(await checkWrites(redis, about, say))
  const [, policy = 'noeviction'] = /maxmemory_policy:(\S+)/.exec(info) ?? []
  if (policy !== 'noeviction') {
    findings.push({
      state: 'warning',
      about,
      what: say(
        `has maxmemory-policy ${policy}: when it is full it drops sessions, and users are signed out`,
        `maxmemory-policy 是 ${policy}：内存满时会丢弃会话，用户会被退出登录`,
      ),
      fix: say('set it to noeviction', '请设为 noeviction'),
    })
  }
  if (isGroup && (await replicasToWrite(redis)) === 0) {
    findings.push({
      state: 'warning',
      about,
      what: say(
        'takes writes without any replica: a master that is cut off keeps signing users in, and loses them',
        '没有副本也接受写入：与副本断开的主节点会继续登录用户，之后这些会话会丢失',
      ),
      fix: say(
        'set min-replicas-to-write to 1 and min-replicas-max-lag to 10',
        '请把 min-replicas-to-write 设为 1，min-replicas-max-lag 设为 10',
      ),
    })
  }
  return findings
}

/** Writes a key as the service does at each readiness check, which is gone after a second. */
async function checkWrites(redis: Redis, about: string, say: Say): Promise<Finding> {
  try {
    await writeSomewhere(redis)
    return { state: 'good', about, what: say('takes writes', '可以写入') }
  } catch (error) {
    return {
      state: 'bad',
      about,
      what: say(`takes no writes: ${messageOf(error)}`, `不能写入：${messageOf(error)}`),
      fix: say(
        'see that it is no replica, that maxmemory and the disk are not used up, and that the user of REDIS_URL may write weapp-auth:*',
        '请确认它不是副本，内存上限和磁盘没有用完，REDIS_URL 中的用户可以写 weapp-auth:*',
      ),
    }
  }
}

/** In a cluster a master takes the keys of its own slots only: one that is another's is answered with MOVED. */
async function writeSomewhere(redis: Redis): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      await redis.set(`weapp-auth:ping${n}`, '1', 'PX', 1_000)
      return
    } catch (error) {
      if (n === KEYS_TRIED || !messageOf(error).startsWith('MOVED')) throw error
    }
  }
}

/** Null: the server does not say, as many servers in a cloud. */
async function replicasToWrite(redis: Redis): Promise<number | null> {
  const answer = await redis.config('GET', 'min-replicas-to-write').catch(() => null)
  return Array.isArray(answer) && answer.length === 2 ? Number(answer[1]) : null
}

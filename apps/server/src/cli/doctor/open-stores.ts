import type { Config } from '../../config.ts'
import type { Say } from '../../language.ts'
import type { Send } from '../running-service.ts'
import type { Finding } from './finding.ts'

/** Asks the running service about the embedded stores, which nobody else can open meanwhile. */
export async function checkOpenStores(
  send: Send,
  { databaseUrl, redisUrl }: Pick<Config, 'databaseUrl' | 'redisUrl'>,
  say: Say,
): Promise<Finding[]> {
  const { body } = await send('GET', '/health')
  const stores = (body as { stores?: { users?: unknown; sessions?: unknown } }).stores
  return [
    ...(databaseUrl ? [] : [toFinding(say('users', '用户库'), stores?.users, say)]),
    ...(redisUrl ? [] : [toFinding(say('sessions', '会话库'), stores?.sessions, say)]),
  ]
}

function toFinding(about: string, state: unknown, say: Say): Finding {
  if (state === 'up') {
    const what = say('the running service has them open, and they take writes', '由正在运行的服务打开，可以写入')
    return { state: 'good', about, what }
  }
  return {
    state: 'bad',
    about,
    what: say('the running service has them open, and cannot write to them', '由正在运行的服务打开，但无法写入'),
    fix: say(
      'see whether the disk of DATA_DIR is full, and what the log of the service says',
      '请检查 DATA_DIR 所在的磁盘是否写满，并查看服务的日志',
    ),
  }
}

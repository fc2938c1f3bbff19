import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, type Program, unpackProgram } from './program.ts'
import { findFreePort, makeTempFolder, type OwnServer, ownServer, type Server } from './server.ts'

/** `REDIS_URL`, else a server from PATH, else one unpacked from Debian's packages. */
export async function provideRedis(): Promise<Server> {
  if (process.env.REDIS_URL) return { url: process.env.REDIS_URL, stop: async () => {} }
  return startRedis()
}

/** A server of the caller's own, empty whenever it starts unless `args` say otherwise: `--appendonly`, `yes`. */
export async function startRedis(args: readonly string[] = []): Promise<OwnServer> {
  const program = findRedis()
  const folder = makeTempFolder('redis')
  const port = await findFreePort()
  const place = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder.path]
  return ownServer({
    url: `redis://127.0.0.1:${port}`,
    program,
    args: [...place, '--save', '', '--appendonly', 'no', ...args],
    readyText: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
    user: undefined,
    folder,
  })
}

/** By this name sentinels sign in at a master, so that it can shut them out. The password is the same. */
export const SENTINEL_USER = 'sentinel'

/** One of those that watch the master at `masterPort` under the name `mymaster`; two of them replace it after `downAfterMs`. */
export async function startSentinel(masterPort: number, downAfterMs: number): Promise<OwnServer> {
  const folder = makeTempFolder('sentinel')
  const port = await findFreePort()
  // It writes into its configuration what it learns.
  const file = join(folder.path, 'sentinel.conf')
  const lines = [
    `sentinel monitor mymaster 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds mymaster ${downAfterMs}`,
    `sentinel failover-timeout mymaster ${5 * downAfterMs}`,
    `sentinel auth-user mymaster ${SENTINEL_USER}`,
    `sentinel auth-pass mymaster ${SENTINEL_USER}`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return ownServer({
    url: `redis://127.0.0.1:${port}`,
    program: findRedis(),
    args: [file, '--sentinel', '--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder.path],
    readyText: '+monitor master',
    stopSignal: 'SIGTERM',
    user: undefined,
    folder,
  })
}

function findRedis(): Program {
  return findProgram(['redis-server', 'valkey-server']) ?? unpackProgram(['redis-server'], 'redis-server', 'usr/bin')
}

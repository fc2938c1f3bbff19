import { findProgram, unpackProgram } from './program.ts'
import { findFreePort, makeTempFolder, type OwnServer, ownServer, type Server } from './server.ts'

/** `REDIS_URL`, else a server from PATH, else one unpacked from Debian's packages. */
export async function provideRedis(): Promise<Server> {
  if (process.env.REDIS_URL) return { url: process.env.REDIS_URL, stop: async () => {} }
  return startRedis()
}

/** A server of the caller's own, empty whenever it starts unless `args` say otherwise: `--appendonly`, `yes`. */
export async function startRedis(args: readonly string[] = []): Promise<OwnServer> {
  const program =
    findProgram(['redis-server', 'valkey-server']) ?? unpackProgram('redis-server', 'redis-server', 'usr/bin')
  const folder = makeTempFolder('redis')
  const port = await findFreePort()
  const place = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder.path]
  return ownServer({
    url: `redis://127.0.0.1:${port}`,
    program,
    args: [...place, '--save', '', '--appendonly', 'no', ...args],
    readyText: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
    folder,
  })
}

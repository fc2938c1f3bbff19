import { findProgram, unpackProgram } from './program.ts'
import { findFreePort, makeTempFolder, type Server, startProcess, stopProcess } from './server.ts'

/** `REDIS_URL`, else a server from PATH, else one unpacked from Debian's packages. */
export async function provideRedis(): Promise<Server> {
  if (process.env.REDIS_URL) return { url: process.env.REDIS_URL, stop: async () => {} }
  const program =
    findProgram(['redis-server', 'valkey-server']) ?? unpackProgram('redis-server', 'redis-server', 'usr/bin')
  const folder = makeTempFolder('redis')
  const port = await findFreePort()
  const child = await startProcess(
    program,
    ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder.path, '--save', '', '--appendonly', 'no'],
    { readyText: 'Ready to accept connections', cwd: folder.path },
  )
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      await stopProcess(child, 'SIGTERM')
      folder.remove()
    },
  }
}

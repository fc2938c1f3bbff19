import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findProgram, type Program, unpackProgram } from './program.ts'
import { findFreePort, makeTempFolder, type Server, startProcess, stopProcess } from './server.ts'

const DEBIAN_FOLDER = 'usr/lib/postgresql/*/bin'
/** `nobody`: initdb refuses to run as root. */
const UNPRIVILEGED_UID = 65_534

/** `DATABASE_URL`, else a server from PATH, else one unpacked from Debian's packages. */
export async function providePostgres(): Promise<Server> {
  if (process.env.DATABASE_URL) return { url: process.env.DATABASE_URL, stop: async () => {} }
  const initdb = findProgram(['initdb'], [`/${DEBIAN_FOLDER}`]) ?? unpackProgram('postgresql', 'initdb', DEBIAN_FOLDER)
  const folder = makeTempFolder('postgres')
  const data = join(folder.path, 'data')
  const uid = process.getuid?.() === 0 ? UNPRIVILEGED_UID : undefined
  mkdirSync(data, { mode: 0o700 })
  if (uid !== undefined) for (const path of [folder.path, data]) chownSync(path, uid, uid)
  const identity = uid === undefined ? {} : { uid, gid: uid }
  execFileSync(
    initdb.path,
    ['-D', data, '--username=weapp', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { cwd: folder.path, env: initdb.env, stdio: ['ignore', 'ignore', 'pipe'], ...identity },
  )
  const port = await findFreePort()
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'lc_messages=C']
  const postgres: Program = { ...initdb, path: join(dirname(initdb.path), 'postgres') }
  const child = await startProcess(postgres, ['-D', data, '-p', `${port}`, ...settings.flatMap((s) => ['-c', s])], {
    readyText: 'database system is ready to accept connections',
    cwd: folder.path,
    uid,
  })
  return {
    url: `postgres://weapp@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await stopProcess(child, 'SIGINT')
      folder.remove()
    },
  }
}

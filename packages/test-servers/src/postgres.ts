import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findProgram, unpackProgram } from './program.ts'
import { findFreePort, makeTempFolder, type OwnServer, ownServer, type Server, unprivilegedUser } from './server.ts'

const DEBIAN_FOLDER = 'usr/lib/postgresql/*/bin'

/** `DATABASE_URL`, else a server from PATH, else one unpacked from Debian's packages. */
export async function providePostgres(): Promise<Server> {
  if (process.env.DATABASE_URL) return { url: process.env.DATABASE_URL, stop: async () => {} }
  return startPostgres()
}

/** A server of the caller's own; `settings` are like `max_connections=20`. */
export async function startPostgres(settings: readonly string[] = []): Promise<OwnServer> {
  const initdb =
    findProgram(['initdb'], [`/${DEBIAN_FOLDER}`]) ?? unpackProgram(['postgresql'], 'initdb', DEBIAN_FOLDER)
  const folder = makeTempFolder('postgres')
  const data = join(folder.path, 'data')
  const user = unprivilegedUser()
  mkdirSync(data, { mode: 0o700 })
  if (user) for (const path of [folder.path, data]) chownSync(path, user.uid, user.gid)
  execFileSync(
    initdb.path,
    ['-D', data, '--username=weapp', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { cwd: folder.path, env: initdb.env, stdio: ['ignore', 'ignore', 'pipe'], ...user },
  )
  const port = await findFreePort()
  const places = ['listen_addresses=127.0.0.1', 'unix_socket_directories=']
  // Two transactions that wait for each other are found by default only after a second.
  const fixed = [...places, 'fsync=off', 'lc_messages=C', 'deadlock_timeout=50ms']
  return ownServer({
    url: `postgres://weapp@127.0.0.1:${port}/postgres`,
    program: { ...initdb, path: join(dirname(initdb.path), 'postgres') },
    args: ['-D', data, '-p', `${port}`, ...[...fixed, ...settings].flatMap((setting) => ['-c', setting])],
    readyText: 'database system is ready to accept connections',
    stopSignal: 'SIGINT',
    user,
    folder,
  })
}

import { execFileSync } from 'node:child_process'
import { chownSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findProgram, type Program, unpackProgram } from './program.ts'
import { findFreePort, makeTempFolder, type OwnServer, ownServer, type Server, unprivilegedUser } from './server.ts'

export interface MariaDbOptions {
  /** Settings of the server, like `max_connections=20`. */
  settings?: readonly string[]
}

/** The settings that keep a small server small. What was acknowledged survives a killed server, not a power cut. */
const SMALL = [
  'innodb-log-file-size=8M',
  'innodb-buffer-pool-size=64M',
  'innodb-flush-log-at-trx-commit=2',
  'performance-schema=OFF',
]

/** `MYSQL_URL`, else a server from PATH, else one unpacked from Debian's packages. */
export async function provideMariaDb(): Promise<Server> {
  if (process.env.MYSQL_URL) return { url: process.env.MYSQL_URL, stop: async () => {} }
  return startMariaDb()
}

/** A server of the caller's own. Its URL signs in as the administrator `root`, without a password and without a database. */
export async function startMariaDb({ settings = [] }: MariaDbOptions = {}): Promise<OwnServer> {
  const server = findMariaDb()
  const folder = makeTempFolder('mariadb')
  const data = join(folder.path, 'data')
  const user = unprivilegedUser()
  if (user) chownSync(folder.path, user.uid, user.gid)
  const small = SMALL.map((setting) => `--${setting}`)
  // A server that starts removes temporary tables from its folder: another server's too if they share one.
  const temporary = `--tmpdir=${folder.path}`
  execFileSync(
    join(dirname(dirname(server.path)), 'bin/mariadb-install-db'),
    [
      '--no-defaults',
      `--basedir=${dirname(dirname(server.path))}`,
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--skip-name-resolve',
      temporary,
      ...small,
    ],
    { cwd: folder.path, env: server.env, stdio: ['ignore', 'ignore', 'pipe'], ...user },
  )
  const port = await findFreePort()
  const fixed = [
    '--no-defaults',
    `--datadir=${data}`,
    temporary,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(folder.path, 'socket')}`,
    `--pid-file=${join(folder.path, 'pid')}`,
    '--skip-name-resolve',
  ]
  return ownServer({
    url: `mysql://root@127.0.0.1:${port}`,
    program: server,
    args: [...fixed, ...small, ...settings.map((setting) => `--${setting}`)],
    readyText: 'ready for connections',
    stopSignal: 'SIGTERM',
    user,
    folder,
  })
}

/** `mariadb-install-db` needs programs of the client's package; Debian's `mariadb-server` holds no program itself. */
function findMariaDb(): Program {
  return (
    findProgram(['mariadbd'], ['/usr/sbin']) ??
    unpackProgram(['mariadb-server-core', 'mariadb-client-core'], 'mariadbd', 'usr/sbin')
  )
}

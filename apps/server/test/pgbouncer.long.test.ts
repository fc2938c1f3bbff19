import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSessionKeyVault, createSqlUserStore, generateVaultKey } from '@weapp-auth/fastify'
import { findFreePort, findProgram, makeTempFolder } from '@weapp-auth/test-servers'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createDatabase } from './sql.ts'
import { openUsers } from './sql-outages.ts'

const program = findProgram(['pgbouncer'], ['/usr/sbin'])

/** A PgBouncer that gives a connection to one transaction at a time, with fewer of them than the service opens. */
async function startBouncer(url: string): Promise<string> {
  const { hostname, port, username, pathname } = new URL(url)
  const folder = makeTempFolder('pgbouncer')
  const own = await findFreePort()
  const file = join(folder.path, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
${pathname.slice(1)} = host=${hostname} port=${port} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
`,
  )
  chmodSync(folder.path, 0o755)
  const child = spawn(program?.path ?? '', [file], {
    stdio: 'ignore',
    // It refuses to run as root.
    ...(process.getuid?.() === 0 && { uid: 65_534, gid: 65_534 }),
  })
  onTestFinished(() => {
    child.kill()
    folder.remove()
  })
  return `postgres://${username}@127.0.0.1:${own}${pathname}`
}

test.skipIf(program === null || inject('databaseUrl') === null)(
  'behind a PgBouncer that pools by transaction, users sign in through more connections than the server has',
  async () => {
    const url = await startBouncer(await createDatabase(inject('databaseUrl') ?? ''))
    const database = await openUsers(url)
    onTestFinished(database.close)
    await expect.poll(() => database.isReady()).toBe(true)
    const users = createSqlUserStore({ db: database.db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
    const signIn = (i: number) => {
      const sessionKey = Buffer.alloc(16, i).toString('base64')
      const identity = { openid: `o${i % 40}`, unionid: i % 2 ? `u${i % 40}` : null, sessionKey }
      return users.signIn('wx1', identity, 1).then((signedIn) => {
        if ('erasing' in signedIn) throw new Error('the user is being erased')
        return signedIn
      })
    }
    const first = await Promise.all(Array.from({ length: 40 }, (_, i) => signIn(i)))
    expect(new Set(first.map(({ user }) => user.id)).size).toBe(40)
    for (let round = 1; round < 4; round++) {
      const again = await Promise.all(Array.from({ length: 40 }, (_, i) => signIn(round * 40 + i)))
      expect(again.map(({ user, isNew }) => [user.id, isNew])).toEqual(first.map(({ user }) => [user.id, false]))
    }
  },
)

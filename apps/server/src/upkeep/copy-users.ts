import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copySqliteUsers, type UsersDatabase } from '@weapp-auth/fastify'
import type { Kysely } from 'kysely'

/** The names of copies. One that stays was left by a command that was killed before it removed its copy. */
const COPY = /^users\.copy-[0-9a-f-]{36}\.sqlite/
const ABANDONED_AFTER_MS = 3_600_000

/**
 * Copies embedded users, while they are used, into a new file beside theirs: whoever runs the service may always write there.
 *
 * @returns the name of the file in `dataDir`; whoever asked takes it away
 * @throws Error of SQLite, when the disk is full, say; then there is no file
 */
export async function copyUsers(db: Kysely<UsersDatabase>, dataDir: string): Promise<string> {
  for (const name of readdirSync(dataDir)) {
    const file = join(dataDir, name)
    const found = COPY.test(name) && statSync(file, { throwIfNoEntry: false })
    if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) rmSync(file, { force: true })
  }
  const name = `users.copy-${randomUUID()}.sqlite`
  const file = join(dataDir, name)
  try {
    // Before SQLite makes it, so that nobody else can ever read it.
    writeFileSync(file, '', { mode: 0o600 })
    await copySqliteUsers(db, file)
    return name
  } catch (error) {
    for (const ending of ['', '-journal', '-wal']) rmSync(`${file}${ending}`, { force: true })
    throw error
  }
}

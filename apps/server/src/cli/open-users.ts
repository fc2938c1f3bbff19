import { join } from 'node:path'
import { migrateUsers, openSqliteUsers, type UsersDatabase } from '@weapp-auth/fastify'
import { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import { prepareDataDir } from '../data-dir.ts'
import { findServer } from '../stores.ts'
import { type Command, createWarn } from './terminal.ts'

/** The database of the users, opened by the command itself and brought up to date. */
export interface OpenedUsers {
  db: Kysely<UsersDatabase>
  /** The migrations that opening it has run. */
  migrated: string[]
  close(): Promise<void>
}

/**
 * Opens the users of a configuration. Unlike the service it does not wait for a server that is away.
 *
 * @throws Error that says what is wrong; for embedded users also that the service runs and has the file
 */
export async function openUsers(config: Config, command: Pick<Command, 'stderr'>): Promise<OpenedUsers> {
  const db = await connect(config, createWarn(command))
  try {
    const migrated = await migrateUsers(db, config.emulator ? 'emulated' : 'real')
    return { db, migrated, close: () => db.destroy() }
  } catch (error) {
    await db.destroy()
    throw error
  }
}

async function connect(
  { databaseUrl, dataDir }: Config,
  warn: (message: string) => void,
): Promise<Kysely<UsersDatabase>> {
  if (databaseUrl) {
    const server = await findServer(databaseUrl)
    return new Kysely({ dialect: server.connectForMigrations(({ message }) => warn(message)) })
  }
  prepareDataDir(dataDir, warn)
  return openSqliteUsers(join(dataDir, 'users.sqlite'))
}

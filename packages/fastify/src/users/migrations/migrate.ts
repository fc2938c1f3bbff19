import type { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import { reasonOf } from '../../store-failure.ts'
import type { UsersDatabase } from '../database.ts'
import { users } from './0001-users.ts'
import { unionids } from './0002-unionids.ts'

/** In order, for ever: a migration that was released is never changed, only followed by another. */
const MIGRATIONS = { '0001-users': users, '0002-unionids': unionids }

/**
 * Brings the users' tables up to date, under a lock: of several processes that start at once one does it and the others
 * wait.
 */
export async function migrateUsers(db: Kysely<UsersDatabase>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => MIGRATIONS },
    migrationTableName: 'weapp_auth_migrations',
    migrationLockTableName: 'weapp_auth_migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error) throw new Error(`the users' tables could not be brought up to date: ${reasonOf(error)}`, { cause: error })
}

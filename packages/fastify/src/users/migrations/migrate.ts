import { type Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { reasonOf } from '../../store-failure.ts'
import type { World } from '../../world.ts'
import type { UsersDatabase } from '../database.ts'
import { faultOf } from '../engine.ts'
import { findWorldClash } from '../world-mark.ts'
import { users } from './0001-users.ts'
import { world as worldTable } from './0002-world.ts'
import { accounts } from './0003-accounts.ts'
import { phones } from './0005-phones.ts'
import { events } from './0006-events.ts'

/** In order, for ever: a migration that was released is never changed, only followed by another. */
const MIGRATIONS = {
  '0001-users': users,
  '0002-world': worldTable,
  '0003-accounts': accounts,
  '0005-phones': phones,
  '0006-events': events,
}

/** Columns that each of our tables has had since the first migration. */
const COLUMNS = {
  weapp_auth_users: ['id', 'created_at', 'nickname', 'avatar_url'],
  weapp_auth_identities: ['appid', 'openid', 'user_id', 'unionid', 'session_key_fingerprint'],
  weapp_auth_unionids: ['unionid', 'user_id'],
  weapp_auth_conflicts: ['user_id', 'other_user_id', 'unionid'],
  weapp_auth_keys: ['kid', 'fingerprint'],
  weapp_auth_store: ['id', 'world'],
  weapp_auth_phones: ['user_id', 'digest', 'sealed_number', 'proven_at'],
  weapp_auth_phone_key: ['id', 'sealed_key'],
  weapp_auth_events: ['id', 'type', 'user_id', 'caused_by', 'due_at'],
  weapp_auth_migrations: ['name', 'timestamp'],
  weapp_auth_migrations_lock: ['id', 'is_locked'],
} as const

const TABLES = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]
const MIGRATIONS_TABLE = 'weapp_auth_migrations'

/** The database answers, and the service cannot work with it until somebody changes one of the two. Waiting does not help. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError'
}

/**
 * Brings the users' tables up to date, under a lock: of several processes that start at once one does it and the others
 * wait. A process that was killed meanwhile has left nothing that the next one could not finish.
 *
 * @param world whose users these are; a database of the other world is refused. Default `real`.
 * @returns the migrations that were made now, in order
 * @throws UnusableDatabaseError when a table of that name is somebody else's, the users are those of the other world, or for
 * want of rights
 * @throws Error whatever else went wrong; it may be over when asked again
 */
export async function migrateUsers(db: Kysely<UsersDatabase>, world: World = 'real'): Promise<string[]> {
  const done = (await areOurs(db)) ? [] : await makeTables(db)
  const clash = await findWorldClash(db, world)
  if (clash) throw new UnusableDatabaseError(clash)
  return done
}

/**
 * Whether all tables are there and were made by this version. Two questions, so that a start does not wait for the many of
 * {@link makeTables}, some of which read the whole catalogue of the database.
 */
async function areOurs(db: Kysely<UsersDatabase>): Promise<boolean> {
  const tables = TABLES.map((table) => sql`exists ${selectColumns(db, table).where(sql<boolean>`1 = 0`)}`)
  try {
    await sql`select ${sql.join(tables)}`.execute(db)
  } catch (error) {
    const fault = faultOf(error)
    if (fault === 'table' || fault === 'column') return false
    throw toMigrationError(error)
  }
  const { missing, newer } = await compareMigrations(db)
  return missing.length === 0 && newer.length === 0
}

/** Returns the migrations that were made. */
async function makeTables(db: Kysely<UsersDatabase>): Promise<string[]> {
  // Before anything is created, so that no half of our tables stays behind.
  for (const table of TABLES) await refuseForeignTable(db, table)
  const { newer } = await compareMigrations(db)
  if (newer.length > 0) {
    throw new UnusableDatabaseError(
      `the users' tables were changed by a newer version (${newer.join(', ')}): start that version, or restore the backup from before it`,
    )
  }
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => MIGRATIONS },
    migrationTableName: MIGRATIONS_TABLE,
    migrationLockTableName: 'weapp_auth_migrations_lock',
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error) throw toMigrationError(error)
  return results.map(({ migrationName }) => migrationName)
}

/** How the users' tables differ from those that this version makes. */
export interface MigrationState {
  /** Migrations that the tables still need, in order. All of them: there are no tables yet. */
  missing: string[]
  /** Migrations that this version does not know. */
  newer: string[]
}

/** Compares the users' tables with those that this version makes, and changes nothing. */
export async function compareMigrations(db: Kysely<UsersDatabase>): Promise<MigrationState> {
  const known = Object.keys(MIGRATIONS)
  const done = await findDone(db)
  return { missing: known.filter((name) => !done.includes(name)), newer: done.filter((name) => !known.includes(name)) }
}

async function findDone(db: Kysely<UsersDatabase>): Promise<string[]> {
  try {
    const rows = await db
      .selectFrom('weapp_auth_migrations' as never)
      .select('name' as never)
      .execute()
    return (rows as { name: string }[]).map(({ name }) => name).sort()
  } catch (error) {
    if (faultOf(error) === 'table') return []
    throw toMigrationError(error)
  }
}

async function refuseForeignTable(db: Kysely<UsersDatabase>, table: keyof typeof COLUMNS): Promise<void> {
  const columns = COLUMNS[table]
  try {
    await selectColumns(db, table).limit(0).execute()
  } catch (error) {
    const fault = faultOf(error)
    if (fault === 'table') return
    if (fault !== 'column') throw toMigrationError(error)
    throw new UnusableDatabaseError(
      `the table ${table} in this database was not made by weapp-auth, or by a version that is too old or too new (it has no columns ${columns.join(', ')}): give the service a database of its own, or rename that table`,
      { cause: error },
    )
  }
}

function selectColumns(db: Kysely<UsersDatabase>, table: keyof typeof COLUMNS) {
  // Quoted by Kysely, and named with their table: SQLite reads an unknown quoted name as a text.
  const named = COLUMNS[table].map((column) => `${table}.${column}`)
  return db.selectFrom(table as never).select(named as never)
}

function toMigrationError(error: unknown): Error {
  const reason = `the users' tables could not be brought up to date: ${reasonOf(error)}`
  if (faultOf(error) !== 'rights') return new Error(reason, { cause: error })
  return new UnusableDatabaseError(
    `${reason}: let the user of the address create and alter tables, or create them with a user who may`,
    { cause: error },
  )
}

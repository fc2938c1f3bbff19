import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import {
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  type UsersDatabase,
} from '../../src/index.ts'
import { openEmptyPostgres } from '../databases.ts'
import { userStoreContract } from './user-store.contract.ts'

const url = inject('databaseUrl')
const CONNECTIONS = 5

async function open(): Promise<Kysely<UsersDatabase>> {
  const { db, close } = await openEmptyPostgres(url ?? '', CONNECTIONS)
  onTestFinished(close)
  return db
}

let prepared: ReturnType<typeof prepareDatabase> | undefined
afterAll(async () => (await prepared)?.close())

/** Making a database and its tables takes longer than a test does, so that those that do it no harm share one. */
async function openPrepared(): Promise<Kysely<UsersDatabase>> {
  prepared ??= prepareDatabase()
  const { db, tables } = await prepared
  // Nothing of the test before is under way any more.
  const busy = sql`select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`
  await expect.poll(async () => (await busy.execute(db)).rows).toEqual([])
  await sql.raw(`truncate ${tables}`).execute(db)
  return db
}

async function prepareDatabase() {
  const opened = await openEmptyPostgres(url ?? '', CONNECTIONS)
  await migrateUsers(opened.db)
  const { rows } = await sql<{ tables: string }>`
    select string_agg(tablename, ', ') as tables from pg_tables
    where schemaname = 'public' and tablename !~ '^weapp_auth_(migrations|store)'`.execute(opened.db)
  return { ...opened, tables: rows[0]?.tables ?? '' }
}

/** As a standby is, for every connection of this pool that is made from here on, and for the one there is. */
async function makeReadOnly(db: Kysely<UsersDatabase>): Promise<void> {
  const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(db)
  await sql`alter database ${sql.ref(rows[0]?.name ?? '')} set default_transaction_read_only = on`.execute(db)
  await sql`set default_transaction_read_only = on`.execute(db)
}

describe.skipIf(url === null)('users in PostgreSQL', () => {
  userStoreContract(open, { connections: CONNECTIONS, openPrepared })

  it('a read-only PostgreSQL refuses a sign-in before the code is spent, and can still be read', async () => {
    const db = await open()
    await migrateUsers(db)
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const user = await createSqlUserStore({ db, vault }).createUser(1)
    await makeReadOnly(db)
    // A store that has just started, which has not seen a write succeed.
    const started = createSqlUserStore({ db, vault })
    await expect(started.ping()).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await started.findUser(user.id)).toEqual(user)
  })
})

it('a PostgreSQL that refuses connections is unavailable', async () => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1 })
  const db = new Kysely<UsersDatabase>({ dialect: new PostgresDialect({ pool }) })
  onTestFinished(() => db.destroy())
  const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
  await expect(users.ping()).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})

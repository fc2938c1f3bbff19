import { randomUUID } from 'node:crypto'
import type {} from '@weapp-auth/test-servers'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import {
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  type UsersDatabase,
} from '../../src/index.ts'
import { userStoreContract } from './user-store.contract.ts'

const url = inject('databaseUrl')

/** A database of its own on that server: migrations see every schema of one. */
async function open(): Promise<Kysely<UsersDatabase>> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administrate(`CREATE DATABASE ${name}`)
  const own = new URL(url ?? '')
  own.pathname = `/${name}`
  const pool = new pg.Pool({ connectionString: own.href, max: 5 })
  pool.on('error', () => {})
  const db = new Kysely<UsersDatabase>({ dialect: new PostgresDialect({ pool }) })
  onTestFinished(async () => {
    await db.destroy()
    await administrate(`DROP DATABASE ${name} WITH (FORCE)`)
  })
  return db
}

/** As a standby is, for every connection of this pool that is made from here on; the one there is goes. */
async function makeReadOnly(db: Kysely<UsersDatabase>): Promise<void> {
  const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(db)
  await administrate(`ALTER DATABASE ${rows[0]?.name} SET default_transaction_read_only = on`)
  await sql`set default_transaction_read_only = on`.execute(db)
}

async function administrate(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url ?? '' })
  await client.connect()
  await client.query(statement)
  await client.end()
}

describe.skipIf(url === null)('users in PostgreSQL', () => {
  userStoreContract(open, { connections: 5 })

  it('on a read-only server refuse a sign-in before the code is spent, and can still be read', async () => {
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

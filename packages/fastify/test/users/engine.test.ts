import { Kysely, MssqlAdapter, SqliteAdapter, SqliteDialect } from 'kysely'
import { expect, it } from 'vitest'
import { createSessionKeyVault, createSqlUserStore, generateVaultKey, type UsersDatabase } from '../../src/index.ts'

/** A database that is never asked anything. */
function openUnused(adapter: SqliteAdapter | MssqlAdapter): Kysely<UsersDatabase> {
  const dialect = new SqliteDialect({ database: { close: () => {}, prepare: () => expect.unreachable() } })
  dialect.createAdapter = () => adapter
  return new Kysely({ dialect })
}

it('users in a database of an engine that we do not know are refused at once', () => {
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const open = (adapter: SqliteAdapter | MssqlAdapter) => createSqlUserStore({ db: openUnused(adapter), vault })
  expect(() => open(new MssqlAdapter())).toThrow(new TypeError('db must be a Kysely of SQLite, PostgreSQL or MySQL'))
  expect(() => open(new SqliteAdapter())).not.toThrow()
})

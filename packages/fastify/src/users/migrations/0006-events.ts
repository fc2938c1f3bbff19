import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { engineOf } from '../engine.ts'
import { createIndex } from './create-index.ts'

const TABLE = 'weapp_auth_events'

/** What happened to users, and what of it has to be told to somebody. No foreign key: an event outlives its user. */
export const events: Migration = {
  async up(db: Kysely<unknown>) {
    const engine = engineOf(db)
    const isMysql = engine === 'mysql'
    const ascii = (length: number) =>
      sql.raw(`varchar(${length})${isMysql ? ' character set ascii collate ascii_bin' : ''}`)

    await db.schema
      .createTable(TABLE)
      .ifNotExists()
      // Read in its order, which must not depend on the language of a PostgreSQL.
      .addColumn('id', sql.raw(`varchar(36)${ORDERED_BYTE_BY_BYTE[engine]}`), (column) => column.primaryKey().notNull())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('type', ascii(32), (column) => column.notNull())
      .addColumn('user_id', ascii(36))
      .addColumn('other_user_id', ascii(36))
      .addColumn('caused_by', 'varchar(128)', (column) => column.notNull())
      .addColumn('data', 'varchar(1024)', (column) => column.notNull())
      .addColumn('external_id', ascii(128))
      .addColumn('due_at', 'bigint')
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('given_up_at', 'bigint')
      .$call((table) =>
        isMysql ? table.modifyEnd(sql`engine = InnoDB default character set utf8mb4 collate utf8mb4_bin`) : table,
      )
      .execute()

    for (const [name, columns, whereSet] of INDEXES) {
      await createIndex(db, { name: `${TABLE}_${name}`, table: TABLE, columns, ...(whereSet && { whereSet }) })
    }
  },
}

const ORDERED_BYTE_BY_BYTE = {
  sqlite: '',
  postgres: ' collate "C"',
  mysql: ' character set ascii collate ascii_bin',
} as const

const INDEXES: readonly (readonly [name: string, columns: readonly string[], whereSet?: string])[] = [
  ['user', ['user_id', 'id']],
  ['type', ['type', 'id']],
  ['other_user', ['other_user_id'], 'other_user_id'],
  ['due', ['due_at'], 'due_at'],
  ['due_of_user', ['user_id', 'due_at'], 'due_at'],
  ['given_up', ['given_up_at'], 'given_up_at'],
]

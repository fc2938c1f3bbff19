import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { engineOf } from '../engine.ts'

/** Phone numbers, and the key by whose digests they are found. A number goes with its user. */
export const phones: Migration = {
  async up(db: Kysely<unknown>) {
    const isMysql = engineOf(db) === 'mysql'
    const ascii = (length: number) =>
      sql.raw(`varchar(${length})${isMysql ? ' character set ascii collate ascii_bin' : ''}`)

    await db.schema
      .createTable('weapp_auth_phones')
      .ifNotExists()
      .addColumn('user_id', ascii(36), (column) => column.primaryKey().notNull())
      .addColumn('digest', ascii(43), (column) => column.notNull())
      .addColumn('sealed_number', ascii(255), (column) => column.notNull())
      .addColumn('proven_at', 'bigint')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addUniqueConstraint('weapp_auth_phones_digest', ['digest'])
      .addForeignKeyConstraint('weapp_auth_phones_user', ['user_id'], 'weapp_auth_users', ['id'], (constraint) =>
        constraint.onDelete('cascade'),
      )
      .$call((table) =>
        isMysql ? table.modifyEnd(sql`engine = InnoDB default character set utf8mb4 collate utf8mb4_bin`) : table,
      )
      .execute()

    await db.schema
      .createTable('weapp_auth_phone_key')
      .ifNotExists()
      .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
      .addColumn('sealed_key', ascii(255), (column) => column.notNull())
      .execute()
  },
}

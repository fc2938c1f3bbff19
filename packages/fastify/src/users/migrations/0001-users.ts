import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { engineOf } from '../engine.ts'

/*
 * MySQL commits each statement by itself, so a process may be killed between any two: every statement here can run again.
 * Indexes stand inside their tables, and foreign keys are checked at once, because MySQL knows nothing else.
 */
export const users: Migration = {
  async up(db: Kysely<unknown>) {
    const isMysql = engineOf(db) === 'mysql'
    const create = (table: string) => db.schema.createTable(table).ifNotExists()
    const end = <T extends CreateTableBuilder<string, never>>(table: T) =>
      isMysql ? table.modifyEnd(sql`engine = InnoDB default character set utf8mb4 collate utf8mb4_bin`) : table
    /** Compared byte by byte. MySQL ignores spaces at the end of a text, whatever its collation; not in a binary column. */
    const identifier = sql.raw(isMysql ? 'varbinary(256)' : 'varchar(64)')
    /** Our own ids, keys and fingerprints are ASCII. */
    const ascii = (length: number) =>
      sql.raw(`varchar(${length})${isMysql ? ' character set ascii collate ascii_bin' : ''}`)

    await end(
      create('weapp_auth_users')
        .addColumn('id', ascii(36), (column) => column.primaryKey().notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('nickname', 'varchar(64)', (column) => column.notNull())
        .addColumn('avatar_url', 'varchar(1024)', (column) => column.notNull())
        .addColumn('gender', 'integer', (column) => column.notNull())
        .addColumn('country', 'varchar(64)', (column) => column.notNull())
        .addColumn('province', 'varchar(64)', (column) => column.notNull())
        .addColumn('city', 'varchar(64)', (column) => column.notNull())
        .addColumn('language', 'varchar(64)', (column) => column.notNull()),
    ).execute()

    await end(
      create('weapp_auth_identities')
        .addColumn('appid', isMysql ? sql`varbinary(64)` : 'varchar(64)', (column) => column.notNull())
        .addColumn('openid', identifier, (column) => column.notNull())
        .addColumn('user_id', ascii(36), (column) => column.notNull())
        .addColumn('unionid', identifier)
        .addColumn('session_key', ascii(255), (column) => column.notNull())
        .addColumn('session_key_fingerprint', ascii(43), (column) => column.notNull())
        .addColumn('previous_session_key', ascii(255))
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('updated_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('weapp_auth_identities_pk', ['appid', 'openid'])
        // A user has one identity in a mini-program: what findIdentity answers must not depend on luck.
        .addUniqueConstraint('weapp_auth_identities_of_user', ['user_id', 'appid'])
        .addForeignKeyConstraint('weapp_auth_identities_user', ['user_id'], 'weapp_auth_users', ['id'], (constraint) =>
          constraint.onDelete('cascade'),
        ),
    ).execute()

    // A table of its own, so that one statement decides to whom a unionid belongs, as with (appid, openid).
    await end(
      create('weapp_auth_unionids')
        .addColumn('unionid', identifier, (column) => column.primaryKey().notNull())
        .addColumn('user_id', ascii(36), (column) => column.notNull())
        .addForeignKeyConstraint('weapp_auth_unionids_user', ['user_id'], 'weapp_auth_users', ['id'], (constraint) =>
          constraint.onDelete('cascade'),
        ),
    ).execute()

    await end(
      create('weapp_auth_conflicts')
        .addColumn('user_id', ascii(36), (column) => column.notNull())
        .addColumn('other_user_id', ascii(36), (column) => column.notNull())
        .addColumn('unionid', identifier, (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('weapp_auth_conflicts_pk', ['user_id', 'other_user_id', 'unionid'])
        .addForeignKeyConstraint('weapp_auth_conflicts_user', ['user_id'], 'weapp_auth_users', ['id'], (constraint) =>
          constraint.onDelete('cascade'),
        )
        .addForeignKeyConstraint(
          'weapp_auth_conflicts_other_user',
          ['other_user_id'],
          'weapp_auth_users',
          ['id'],
          (constraint) => constraint.onDelete('cascade'),
        ),
    ).execute()

    await end(
      create('weapp_auth_keys')
        .addColumn('kid', ascii(32), (column) => column.primaryKey().notNull())
        .addColumn('fingerprint', ascii(43), (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull()),
    ).execute()
  },
}

import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

export const users: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('users')
      .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('nickname', 'varchar(64)', (column) => column.notNull())
      .addColumn('avatar_url', 'varchar(1024)', (column) => column.notNull())
      .addColumn('gender', 'integer', (column) => column.notNull())
      .addColumn('country', 'varchar(64)', (column) => column.notNull())
      .addColumn('province', 'varchar(64)', (column) => column.notNull())
      .addColumn('city', 'varchar(64)', (column) => column.notNull())
      .addColumn('language', 'varchar(64)', (column) => column.notNull())
      .execute()
    await db.schema
      .createTable('identities')
      .addColumn('appid', 'varchar(64)', (column) => column.notNull())
      .addColumn('openid', 'varchar(64)', (column) => column.notNull())
      .addColumn('user_id', 'varchar(36)', (column) => column.notNull())
      .addColumn('unionid', 'varchar(64)')
      .addColumn('session_key', 'varchar(255)', (column) => column.notNull())
      .addColumn('session_key_fingerprint', 'varchar(43)', (column) => column.notNull())
      .addColumn('previous_session_key', 'varchar(255)')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('identities_pk', ['appid', 'openid'])
      // Checked at commit: the identity is written first, because it decides whether there is a new user to write.
      .addForeignKeyConstraint('identities_user', ['user_id'], 'users', ['id'], (constraint) =>
        constraint.onDelete('cascade').deferrable().initiallyDeferred(),
      )
      .execute()
    await db.schema.createIndex('identities_of_user').on('identities').columns(['user_id', 'appid']).execute()
    await db.schema.createIndex('identities_by_unionid').on('identities').column('unionid').execute()
  },
}

import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const unionids: Migration = {
  async up(db: Kysely<unknown>) {
    // A table of its own, so that one statement decides whose a unionid is, as with (appid, openid).
    await db.schema
      .createTable('unionids')
      .addColumn('unionid', 'varchar(64)', (column) => column.primaryKey().notNull())
      .addColumn('user_id', 'varchar(36)', (column) => column.notNull())
      .addForeignKeyConstraint('unionids_user', ['user_id'], 'users', ['id'], (constraint) =>
        constraint.onDelete('cascade').deferrable().initiallyDeferred(),
      )
      .execute()
    await sql`insert into unionids (unionid, user_id)
      select unionid, min(user_id) from identities where unionid is not null group by unionid`.execute(db)
    await db.schema
      .createTable('identity_conflicts')
      .addColumn('user_id', 'varchar(36)', (column) => column.notNull())
      .addColumn('other_user_id', 'varchar(36)', (column) => column.notNull())
      .addColumn('unionid', 'varchar(64)', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('identity_conflicts_pk', ['user_id', 'other_user_id', 'unionid'])
      .addForeignKeyConstraint('identity_conflicts_user', ['user_id'], 'users', ['id'], (constraint) =>
        constraint.onDelete('cascade').deferrable().initiallyDeferred(),
      )
      .addForeignKeyConstraint('identity_conflicts_other_user', ['other_user_id'], 'users', ['id'], (constraint) =>
        constraint.onDelete('cascade').deferrable().initiallyDeferred(),
      )
      .execute()
    // A user has one identity in a mini-program: what findIdentity answers must not depend on luck.
    await db.schema.dropIndex('identities_of_user').execute()
    await db.schema.createIndex('identities_of_user').unique().on('identities').columns(['user_id', 'appid']).execute()
    await db.schema.dropIndex('identities_by_unionid').execute()
  },
}

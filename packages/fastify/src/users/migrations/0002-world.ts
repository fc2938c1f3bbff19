import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Whose users these are: one row, see `users/world-mark.ts`. */
export const world: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('weapp_auth_store')
      .ifNotExists()
      .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
      .addColumn('world', 'varchar(16)', (column) => column.notNull())
      .execute()
  },
}

import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { engineOf, faultOf } from '../engine.ts'
import { createIndex } from './create-index.ts'

const TABLE = 'weapp_auth_users'

/** The host's own id for a user, whether the user may sign in, and whether the user is being erased. */
export const accounts: Migration = {
  async up(db: Kysely<unknown>) {
    const engine = engineOf(db)
    const isMysql = engine === 'mysql'
    const columns = {
      external_id: sql.raw(`varchar(128)${isMysql ? ' character set ascii collate ascii_bin' : ''}`),
      disabled_at: 'bigint',
      disabled_until: 'bigint',
      disabled_reason: 'varchar(256)',
      erasing_at: 'bigint',
    } as const
    // One column a statement, because SQLite adds no more at once.
    for (const [name, type] of Object.entries(columns)) {
      // PostgreSQL alone takes all back when the process is killed between two of them.
      if (engine !== 'postgres' && (await hasColumn(db, name))) continue
      await db.schema.alterTable(TABLE).addColumn(name, type).execute()
    }
    // Not on the column itself: TiDB and SQLite refuse to add a column that is unique.
    await createIndex(db, {
      name: 'weapp_auth_users_external_id',
      table: TABLE,
      columns: ['external_id'],
      isUnique: true,
    })
    // By this one, erasures that were cut off are found.
    await createIndex(db, { name: 'weapp_auth_users_erasing_at', table: TABLE, columns: ['erasing_at'] })
  },
}

async function hasColumn(db: Kysely<unknown>, name: string): Promise<boolean> {
  try {
    // Named with its table: SQLite reads an unknown quoted name as a text.
    await sql`select ${sql.ref(`${TABLE}.${name}`)} from ${sql.table(TABLE)} limit 0`.execute(db)
    return true
  } catch (error) {
    if (faultOf(error) === 'column') return false
    throw error
  }
}

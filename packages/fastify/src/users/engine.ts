import { type Kysely, MysqlAdapter, PostgresAdapter, SqliteAdapter } from 'kysely'

/** The engines whose SQL we speak. MariaDB and TiDB count as MySQL. */
export type Engine = 'sqlite' | 'postgres' | 'mysql'

/** @throws TypeError when it is none of ours */
export function engineOf(db: Pick<Kysely<unknown>, 'getExecutor'>): Engine {
  const { adapter } = db.getExecutor()
  if (adapter instanceof PostgresAdapter) return 'postgres'
  if (adapter instanceof MysqlAdapter) return 'mysql'
  if (adapter instanceof SqliteAdapter) return 'sqlite'
  throw new TypeError('db must be a Kysely of SQLite, PostgreSQL or MySQL')
}

/**
 * What an error of a driver says.
 *
 * - `data`: the values cannot be stored. That is our mistake, and trying again does not help.
 * - `constraint`: a row with this key is there, or the row it belongs to is not. Another transaction may have been faster.
 * - `contention`: another transaction was in the way. The same work may succeed at once.
 * - `rights`: the database lets us in, and does not let us do this.
 * - `table`, `column`: there is no such table, or no such column.
 * - `other`: an outage of the database.
 */
export type SqlFault = 'data' | 'constraint' | 'contention' | 'rights' | 'table' | 'column' | 'other'

/** MySQL's own numbers where its SQLSTATE says too little (https://dev.mysql.com/doc/mysql-errors/8.0/en/). */
const MYSQL_FAULTS: Readonly<Record<number, SqlFault>> = {
  1020: 'contention', // a row changed since it was read (MariaDB)
  1044: 'rights',
  1142: 'rights',
  1205: 'contention', // waited too long for a lock
  1227: 'rights',
  1366: 'data',
}

/** PostgreSQL and MySQL name the kind of an error by an SQLSTATE, of which the first two characters are its class. */
const SQLSTATE_FAULTS: readonly [pattern: RegExp, fault: SqlFault][] = [
  [/^22/, 'data'],
  [/^23/, 'constraint'],
  [/^(40|55P03)/, 'contention'],
  // A table has changed since the statement was prepared.
  [/^0A000$/, 'contention'],
  [/^(42501|3F000)$/, 'rights'],
  [/^(42P01|42S02)$/, 'table'],
  [/^(42703|42S22)$/, 'column'],
]

const SQLITE_CONSTRAINT = 19

/** What went wrong in the database, whichever engine and driver report it. */
export function faultOf(error: unknown): SqlFault {
  if (!(error instanceof Error)) return 'other'
  if (error instanceof RangeError) return 'data'
  const { code, errno, sqlState, errcode, message } = error as Error & Record<string, unknown>
  if (errcode !== undefined) {
    // SQLite has one number for every mistake in a statement. Its low byte is the kind, the rest is detail.
    if ((Number(errcode) & 0xff) === SQLITE_CONSTRAINT) return 'constraint'
    return (/^no such (table|column)/.exec(message)?.[1] as SqlFault | undefined) ?? 'other'
  }
  const state = String(sqlState ?? code)
  return MYSQL_FAULTS[Number(errno)] ?? SQLSTATE_FAULTS.find(([pattern]) => pattern.test(state))?.[1] ?? 'other'
}

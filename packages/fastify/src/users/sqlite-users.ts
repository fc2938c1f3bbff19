import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely'
import { openSqliteFile } from '../sqlite-file.ts'
import type { UsersDatabase } from './database.ts'
import { findStatementName } from './prepared.ts'

/**
 * Opens users in a file of this process: the embedded default. `db.destroy()` closes it.
 *
 * @param file created when missing, in a folder that exists; opened for this process alone
 * @throws Error when the file cannot be opened or another process has it open
 */
export function openSqliteUsers(file: string): Kysely<UsersDatabase> {
  const opened = openSqliteFile(file)
  const db = new Kysely<UsersDatabase>({ dialect: new SqliteDialect({ database: adapt(opened) }) })
  files.set(db, opened)
  const destroy = db.destroy.bind(db)
  db.destroy = async () => {
    await destroy()
    // Kysely closes what it has asked something, and nothing else.
    if (opened.isOpen) opened.close()
  }
  return db
}

const files = new WeakMap<Kysely<UsersDatabase>, DatabaseSync>()

/**
 * Copies users that were opened by {@link openSqliteUsers} into another file, while they are used: the copy is of one moment. It
 * is made in small steps on another thread.
 *
 * @param file must not exist
 * @throws TypeError for users who are elsewhere; Error of SQLite, when the disk is full, say
 */
export async function copySqliteUsers(db: Kysely<UsersDatabase>, file: string): Promise<void> {
  const opened = files.get(db)
  const sqlite = process.getBuiltinModule('node:sqlite')
  if (!opened || !sqlite) throw new TypeError('these users are not embedded')
  await sqlite.backup(opened, file)
}

/** Node's SQLite in the shape Kysely expects: parameters as a list, and whether a statement returns rows. */
function adapt(db: DatabaseSync): SqliteDatabase {
  /** Statements whose text never changes, which take SQLite longer to prepare than to run. */
  const prepared = new Map<string, SqliteStatement>()

  function prepare(sql: string): SqliteStatement {
    const statement = db.prepare(sql)
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
      run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
      iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
    }
  }

  return {
    close: () => db.close(),
    prepare(sql) {
      if (findStatementName(sql) === null) return prepare(sql)
      const statement = prepared.get(sql) ?? prepare(sql)
      prepared.set(sql, statement)
      return statement
    },
  }
}

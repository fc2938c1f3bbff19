import type { DatabaseSync } from 'node:sqlite'
import { reasonOf } from './store-failure.ts'

/** SQLite's result code for "another connection holds the lock" (https://www.sqlite.org/rescode.html#busy). */
const SQLITE_BUSY = 5

/**
 * Opens an embedded database for this process alone. Committed rows survive a kill (WAL, FULL).
 *
 * The lock is taken at once, with the switch to the write-ahead log, and kept: two processes on one file would each wait for the
 * other with their event loop blocked, and a session ended in one could live on in a cache of the other.
 *
 * @throws Error that names the file when it cannot be opened or is already open
 */
export function openSqliteFile(file: string): DatabaseSync {
  // Asked for here and not imported, so that whoever keeps everything in Redis and PostgreSQL needs no Node that has it.
  const sqlite = process.getBuiltinModule('node:sqlite')
  if (!sqlite) throw new Error('the embedded databases need Node 22.13 or newer: use that, or Redis and PostgreSQL')
  let db: DatabaseSync | undefined
  try {
    db = new sqlite.DatabaseSync(file)
    // Before journal_mode, so that the write-ahead log needs no shared memory.
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    db.exec('PRAGMA journal_mode = WAL')
    db.exec('PRAGMA synchronous = FULL')
    return db
  } catch (error) {
    db?.close()
    if (isBusy(error)) {
      const advice = 'stop that one, or use Redis and PostgreSQL to run several'
      throw new Error(`${file} is in use by another process, and an embedded database serves one: ${advice}`)
    }
    throw new Error(`cannot open the database ${file}: ${reasonOf(error)}`)
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}

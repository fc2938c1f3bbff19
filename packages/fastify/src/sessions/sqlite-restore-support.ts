import type { DatabaseSync } from 'node:sqlite'
import type { GuardMethod } from '../store-failure.ts'
import { ERASED_KNOWN_MS, type RestoreSupport } from './restore-support.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS erased_users (
    user_id TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS erased_users_by_time ON erased_users (at_ms);
`

/** In the file of the sessions, which no backup of the users holds. */
export function createSqliteRestoreSupport(db: DatabaseSync, guarded: GuardMethod): RestoreSupport {
  db.exec(SCHEMA)
  const sql = {
    note: db.prepare('INSERT OR REPLACE INTO erased_users (user_id, at_ms) VALUES (?, ?)'),
    purge: db.prepare('DELETE FROM erased_users WHERE at_ms < ?'),
    list: db.prepare('SELECT user_id, at_ms FROM erased_users ORDER BY at_ms DESC, user_id LIMIT ? OFFSET ?'),
    endAll: db.prepare('DELETE FROM sessions'),
  }

  return {
    noteErased: guarded((userId, nowMs) => {
      sql.purge.run(nowMs - ERASED_KNOWN_MS)
      sql.note.run(userId, nowMs)
    }),
    listErased: guarded(({ skip, limit }) =>
      sql.list.all(limit, skip).map((row) => ({ userId: String(row.user_id), atMs: Number(row.at_ms) })),
    ),
    endAll: guarded(() => {
      sql.endAll.run()
    }),
  }
}

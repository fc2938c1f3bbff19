import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Device, RevocationReason } from '@weapp-auth/shared'
import { openSqliteFile } from '../sqlite-file.ts'
import { guardStore, WRITABLE_MS } from '../store-failure.ts'
import { explainOtherWorld, type World } from '../world.ts'
import {
  type ChangeLifetime,
  CODE_CLAIM_MS,
  CODE_IN_PROGRESS_MS,
  type SessionRecord,
  type SessionStore,
  USER_CHANGE_MS,
} from './session-store.ts'
import { createSqliteMessageClaims } from './sqlite-message-claims.ts'
import { createSqliteRestoreSupport } from './sqlite-restore-support.ts'
import { createLocalMessages } from './store-messages.ts'
import { isBlock, markOfBlock, markOfExternalId } from './user-mark.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    appid TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    device TEXT,
    revoked TEXT,
    external_id TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS sessions_of_user ON sessions (user_id) WHERE revoked IS NULL;
  CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires_at_ms);
  CREATE TABLE IF NOT EXISTS code_claims (
    digest TEXT PRIMARY KEY,
    claimed_at_ms INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX IF NOT EXISTS code_claims_by_time ON code_claims (claimed_at_ms);
  CREATE TABLE IF NOT EXISTS user_marks (
    user_id TEXT PRIMARY KEY,
    mark TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS store (world TEXT NOT NULL, pinged INTEGER NOT NULL DEFAULT 0) STRICT;
`

/** Rows that expired are removed a few at a time, by the sign-ins that add new ones. */
const PURGE_ROWS = 20

/**
 * A mark that ends later than this from now comes from a wrong clock. It is a multiple of what a mark lasts, because the sign-in
 * that looks at the mark may have begun before the mark was made.
 */
const LATEST_MARK_MS = 60 * USER_CHANGE_MS

/** Options of {@link createSqliteSessionStore}. */
export interface SqliteSessionStoreOptions {
  /** Made when missing, in a folder that exists; opened for this process alone. */
  file: string
  /** Whose sessions these are; a file of the other world is refused. Default `real`. */
  world?: World
}

/**
 * Sessions in a file of this process: the embedded default. One statement or one transaction a method, so each is atomic.
 *
 * @throws Error when the file cannot be opened, another process has it open, or it belongs to the other world
 */
export function createSqliteSessionStore({ file, world = 'real' }: SqliteSessionStoreOptions): SessionStore {
  const db = openSqliteFile(file)
  db.exec(SCHEMA)
  refuseOtherWorld(db, file, world)
  const sql = prepare(db)
  const messageClaims = createSqliteMessageClaims(db)
  const findPurgeable = createPurgeClock()
  const guarded = guardStore('the session store (SQLite)')
  const messages = createLocalMessages()
  /** `performance.now()` at the last ping that wrote. */
  let pingedAtMs = Number.NEGATIVE_INFINITY
  return {
    create: guarded((record, { nowMs, expiresAtMs }, { limit = 0, replaces, settles } = {}) => {
      const ended = inTransaction(db, () => {
        const { id, userId, appid, createdAtMs, lastSeenMs, device, externalId } = record
        const mark = findMark(userId, nowMs)
        if (mark !== null && mark !== markOfExternalId(externalId)) return null
        if (settles !== undefined) sql.settle.run(settles)
        // Only a wrong clock can have written a session that lives longer than this new one.
        sql.mendFuture.run(nowMs, nowMs, expiresAtMs, expiresAtMs, PURGE_ROWS)
        sql.purgeSessions.run(findPurgeable(nowMs, expiresAtMs - nowMs), PURGE_ROWS)
        const ended: string[] = []
        if (replaces !== undefined && sql.revoke.run('replaced', replaces, userId, nowMs).changes === 1)
          ended.push(replaces)
        if (limit > 0) ended.push(...sql.makeRoom.all(userId, nowMs, limit - 1).map(({ id }) => String(id)))
        const storedDevice = device ? JSON.stringify(device) : null
        sql.create.run(id, userId, appid, createdAtMs, lastSeenMs, expiresAtMs, storedDevice, externalId ?? null)
        return ended
      })
      if (ended) messages.tellEnded(ended)
      return ended
    }),
    find: guarded(({ id }) => {
      const row = sql.find.get(id)
      if (!row) return null
      if (row.revoked === null) return parseRow(row)
      const expiresAtMs = Number(row.expires_at_ms)
      return { userId: String(row.user_id), revoked: row.revoked as RevocationReason, expiresAtMs }
    }),
    touch: guarded(({ id, createdAtMs, lastSeenMs }, { expiresAtMs }) => {
      const row = sql.touch.get(createdAtMs, lastSeenMs, expiresAtMs, id)
      return row ? parseRow(row) : null
    }),
    revoke: guarded((userId, sessionId, { nowMs, reason }) => {
      const didEnd = sql.revoke.run(reason, sessionId, userId, nowMs).changes === 1
      if (didEnd) messages.tellEnded([sessionId])
      return didEnd
    }),
    revokeAll: guarded((userId, { nowMs, reason, except }) => {
      const ended = sql.revokeAll.all(reason, userId, nowMs, except ?? null).map(({ id }) => String(id))
      messages.tellEnded(ended)
      return ended.length
    }),
    list: guarded((userId) => sql.list.all(userId).map(parseRow)),
    block: guarded((userId, blockId, lifetime) => mark(userId, markOfBlock(blockId), lifetime)),
    unblock: guarded((userId, blockId) => {
      sql.unmark.run(userId, markOfBlock(blockId))
    }),
    setExternalId: guarded((userId, externalId, lifetime) =>
      inTransaction(db, () => {
        // A block stays in place of the new mark, because it refuses every session.
        const before = findMark(userId, lifetime.nowMs)
        if (before === null || !isBlock(before)) mark(userId, markOfExternalId(externalId), lifetime)
        sql.setExternalId.run(externalId, userId)
      }),
    ),
    claimCode: guarded((digest, nowMs) => {
      sql.purgeClaims.run(nowMs - CODE_CLAIM_MS)
      if (sql.claim.run(digest, nowMs).changes === 1) return 'claimed'
      const claim = sql.findClaim.get(digest)
      // A claim that seems to be made in the future comes from a wrong clock.
      const isOver = claim?.used === 1 || Math.abs(nowMs - Number(claim?.claimed_at_ms)) >= CODE_IN_PROGRESS_MS
      return isOver ? 'used' : 'in_progress'
    }),
    settleCode: guarded((digest) => {
      sql.settle.run(digest)
    }),
    claimMessage: guarded(messageClaims.claimMessage),
    settleMessage: guarded(messageClaims.settleMessage),
    releaseMessage: guarded(messageClaims.releaseMessage),
    ping: guarded(() => {
      if (db.isOpen && performance.now() - pingedAtMs < WRITABLE_MS) return
      // A write, because a full disk can be read and takes no session. Not at every call, because it waits for the disk.
      sql.ping.run()
      pingedAtMs = performance.now()
    }),
    messages,
    restore: createSqliteRestoreSupport(db, guarded),
    async close() {
      if (db.isOpen) db.close()
    },
  }

  function findMark(userId: string, nowMs: number): string | null {
    const row = sql.findMark.get(userId, nowMs, nowMs + LATEST_MARK_MS)
    return row ? String(row.mark) : null
  }

  function mark(userId: string, text: string, { nowMs, expiresAtMs }: ChangeLifetime): void {
    sql.purgeMarks.run(nowMs)
    sql.mark.run(userId, text, expiresAtMs)
  }
}

function prepare(db: DatabaseSync) {
  return {
    create: db.prepare(
      `INSERT INTO sessions (id, user_id, appid, created_at_ms, last_seen_ms, expires_at_ms, device, external_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    mendFuture: db.prepare(
      `UPDATE sessions SET created_at_ms = min(created_at_ms, ?), last_seen_ms = min(last_seen_ms, ?), expires_at_ms = ?
       WHERE id IN (SELECT id FROM sessions WHERE expires_at_ms > ? LIMIT ?)`,
    ),
    purgeSessions: db.prepare(
      'DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at_ms <= ? LIMIT ?)',
    ),
    find: db.prepare('SELECT * FROM sessions WHERE id = ?'),
    touch: db.prepare(
      `UPDATE sessions SET created_at_ms = ?, last_seen_ms = ?, expires_at_ms = ? WHERE id = ? AND revoked IS NULL
       RETURNING *`,
    ),
    setExternalId: db.prepare('UPDATE sessions SET external_id = ? WHERE user_id = ? AND revoked IS NULL'),
    findMark: db.prepare('SELECT mark FROM user_marks WHERE user_id = ? AND expires_at_ms > ? AND expires_at_ms <= ?'),
    mark: db.prepare('INSERT OR REPLACE INTO user_marks (user_id, mark, expires_at_ms) VALUES (?, ?, ?)'),
    unmark: db.prepare('DELETE FROM user_marks WHERE user_id = ? AND mark = ?'),
    purgeMarks: db.prepare('DELETE FROM user_marks WHERE expires_at_ms <= ?'),
    revoke: db.prepare(
      'UPDATE sessions SET revoked = ? WHERE id = ? AND user_id = ? AND revoked IS NULL AND expires_at_ms > ?',
    ),
    revokeAll: db.prepare(
      `UPDATE sessions SET revoked = ?
       WHERE user_id = ? AND revoked IS NULL AND expires_at_ms > ? AND id IS NOT ? RETURNING id`,
    ),
    makeRoom: db.prepare(
      `UPDATE sessions SET revoked = 'limit' WHERE id IN (
         SELECT id FROM sessions WHERE user_id = ? AND revoked IS NULL AND expires_at_ms > ?
         ORDER BY created_at_ms DESC, rowid DESC LIMIT -1 OFFSET ?)
       RETURNING id`,
    ),
    list: db.prepare('SELECT * FROM sessions WHERE user_id = ? AND revoked IS NULL ORDER BY created_at_ms'),
    claim: db.prepare('INSERT INTO code_claims (digest, claimed_at_ms) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    findClaim: db.prepare('SELECT claimed_at_ms, used FROM code_claims WHERE digest = ?'),
    settle: db.prepare('UPDATE code_claims SET used = 1 WHERE digest = ?'),
    purgeClaims: db.prepare('DELETE FROM code_claims WHERE claimed_at_ms <= ?'),
    // Another value each time: SQLite does not write what is there already.
    ping: db.prepare('UPDATE store SET pinged = 1 - pinged'),
  }
}

function refuseOtherWorld(db: DatabaseSync, file: string, world: World): void {
  db.prepare('INSERT INTO store (world) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM store)').run(world)
  const found = String(db.prepare('SELECT world FROM store').get()?.world)
  if (found === world) return
  db.close()
  throw new Error(explainOtherWorld(file, found, world))
}

/**
 * Says which sessions may be removed: those that had expired already an idle lifetime ago, by a clock that nobody can set. By
 * the wall clock, live sessions would be removed when it is ahead for a moment.
 */
function createPurgeClock(): (nowMs: number, idleMs: number) => number {
  let mark = { atMs: Number.NEGATIVE_INFINITY, nowMs: Number.NEGATIVE_INFINITY }
  let purgeableMs = Number.NEGATIVE_INFINITY
  return (nowMs, idleMs) => {
    if (performance.now() - mark.atMs >= idleMs) {
      purgeableMs = mark.nowMs
      mark = { atMs: performance.now(), nowMs }
    }
    return Math.min(purgeableMs, nowMs)
  }
}

function parseRow(row: Record<string, SQLOutputValue>): SessionRecord {
  return {
    id: String(row.id),
    userId: String(row.user_id),
    appid: String(row.appid),
    createdAtMs: Number(row.created_at_ms),
    lastSeenMs: Number(row.last_seen_ms),
    ...(typeof row.external_id === 'string' && { externalId: row.external_id }),
    ...(typeof row.device === 'string' && { device: JSON.parse(row.device) as Device }),
  }
}

function inTransaction<T>(db: DatabaseSync, run: () => T): T {
  db.exec('BEGIN')
  try {
    const result = run()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

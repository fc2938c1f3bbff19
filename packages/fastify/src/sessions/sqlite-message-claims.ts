import type { DatabaseSync } from 'node:sqlite'
import { type CodeClaim, MESSAGE_CLAIM_MS, MESSAGE_IN_PROGRESS_MS } from './session-store.ts'

/** A claim that was settled has the claimant `used`. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS message_claims (
    digest TEXT PRIMARY KEY,
    claimant TEXT NOT NULL,
    claimed_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS message_claims_by_time ON message_claims (claimed_at_ms);
`

/** The part of the session store that knows which messages of WeChat's push were handled. */
export interface SqliteMessageClaims {
  claimMessage(digest: string, claimant: string, nowMs: number): CodeClaim
  settleMessage(digest: string, nowMs: number): void
  releaseMessage(digest: string, claimant: string): void
}

/** Claims in a table of their own. */
export function createSqliteMessageClaims(db: DatabaseSync): SqliteMessageClaims {
  db.exec(SCHEMA)
  const sql = {
    purge: db.prepare('DELETE FROM message_claims WHERE claimed_at_ms < ?'),
    claim: db.prepare(
      `INSERT INTO message_claims (digest, claimant, claimed_at_ms) VALUES (?, ?, ?)
       ON CONFLICT (digest) DO UPDATE SET claimant = excluded.claimant, claimed_at_ms = excluded.claimed_at_ms
       WHERE claimant <> 'used' AND abs(excluded.claimed_at_ms - claimed_at_ms) >= ${MESSAGE_IN_PROGRESS_MS}`,
    ),
    find: db.prepare('SELECT claimant FROM message_claims WHERE digest = ?'),
    settle: db.prepare("INSERT OR REPLACE INTO message_claims (digest, claimant, claimed_at_ms) VALUES (?, 'used', ?)"),
    release: db.prepare('DELETE FROM message_claims WHERE digest = ? AND claimant = ?'),
  }

  return {
    claimMessage(digest, claimant, nowMs) {
      sql.purge.run(nowMs - MESSAGE_CLAIM_MS)
      if (sql.claim.run(digest, claimant, nowMs).changes === 1) return 'claimed'
      return sql.find.get(digest)?.claimant === 'used' ? 'used' : 'in_progress'
    },
    settleMessage(digest, nowMs) {
      sql.settle.run(digest, nowMs)
    },
    releaseMessage(digest, claimant) {
      sql.release.run(digest, claimant)
    },
  }
}

import type { Kysely } from 'kysely'
import type { UsersDatabase } from './database.ts'
import { engineOf } from './engine.ts'
import { UnusableDatabaseError } from './migrations/migrate.ts'
import type { KeyMark, SessionKeyVault } from './session-key-vault.ts'
import { unlessThere } from './sql-statements.ts'

/** Options of {@link checkKeyRing}. */
export interface CheckKeyRingOptions {
  /** Up to date: see {@link migrateUsers}. */
  db: Kysely<UsersDatabase>
  vault: SessionKeyVault
  nowMs: number
  /** Told what the operator should know, in one sentence without a key. */
  warn: (message: string) => void
}

/**
 * Compares the key ring with the keys that sealed what is in the database, and writes down the one that seals from now on.
 * Without this a wrong key would be noticed only by users whose encrypted data cannot be opened.
 *
 * @throws UnusableDatabaseError when a key of the ring is another one than was used under this kid
 */
export async function checkKeyRing({ db, vault, nowMs, warn }: CheckKeyRingOptions): Promise<void> {
  const findUsed = () => db.selectFrom('weapp_auth_keys').select(['kid', 'fingerprint']).execute()
  const used = await findUsed()
  refuseOtherKeys(vault, used)
  const [sealing] = vault.ring
  if (used.every(({ kid }) => kid !== sealing.kid)) {
    const insert = db.insertInto('weapp_auth_keys').values({ ...sealing, created_at: nowMs })
    await unlessThere(engineOf(db), insert, ['kid']).execute()
    // Of several processes that start at the same time with other keys under this kid, one was the first.
    refuseOtherKeys(vault, await findUsed())
  }
  // Last: while the database fails the whole check is done again and again, and the warning comes once.
  const missing = used.filter(({ kid }) => !vault.ring.some((mark) => mark.kid === kid)).map(({ kid }) => kid)
  if (missing.length === 0) return
  warn(
    `keys that sealed session_keys in this database are missing from the key ring: ${missing.join(', ')}; what they sealed stays closed until its user signs in again`,
  )
}

function refuseOtherKeys(vault: SessionKeyVault, used: readonly KeyMark[]): void {
  for (const { kid, fingerprint } of vault.ring) {
    if (used.every((mark) => mark.kid !== kid || mark.fingerprint === fingerprint)) continue
    throw new UnusableDatabaseError(
      `the key ${kid} of the key ring is not the key that sealed the session_keys in this database: put that key back, or give the new one a kid of its own`,
    )
  }
}

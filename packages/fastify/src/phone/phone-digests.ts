import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { ApiError } from '../api-error.ts'
import type { PhoneNumber } from '../phone-number.ts'
import type { UsersDatabase } from '../users/database.ts'
import { faultOf } from '../users/engine.ts'
import type { SessionKeyVault } from '../users/session-key-vault.ts'

const ONLY_ROW = 1
/** The owner under which the vault seals the key. No mini-program has an empty appid, so no session_key has this owner. */
const OWNER = { appid: '', openid: 'the key of phone digests' }

/** Makes the digest by which a number is found. It needs a secret key: without it anybody could try out all numbers. */
export type DigestPhone = (phone: PhoneNumber) => Promise<string>

/**
 * HMAC-SHA256. Its key is made with the first number and never changes, because all digests would change with it. The key is kept
 * in the users' database, sealed with the key ring, and sealed again when the ring has a new first key.
 */
export function createPhoneDigests(o: { db: Kysely<UsersDatabase>; vault: SessionKeyVault }): DigestPhone {
  const { db, vault } = o
  /** Null: not read yet, or reading failed. */
  let key: Promise<KeyObject> | null = null

  return async ({ countryCode, number }) => {
    key ??= readKey().catch((error) => {
      key = null
      throw error
    })
    return createHmac('sha256', await key)
      .update(`+${countryCode} ${number}`)
      .digest('base64url')
  }

  async function readKey(): Promise<KeyObject> {
    const sealed = (await findSealed(db)) ?? (await make())
    const opened = openKey(vault, sealed)
    await resealDigestKey(db, vault)
    return createSecretKey(Buffer.from(opened, 'base64'))
  }

  async function make(): Promise<string> {
    const sealed_key = vault.seal(randomBytes(32).toString('base64'), OWNER)
    try {
      await db.insertInto('weapp_auth_phone_key').values({ id: ONLY_ROW, sealed_key }).execute()
      return sealed_key
    } catch (error) {
      // Another process has made the key before.
      if (faultOf(error) !== 'constraint') throw error
      const found = await findSealed(db)
      if (found === null) throw error
      return found
    }
  }
}

/** Seals the key of the digests anew when the first key of the ring is another one than it was sealed with. */
export async function resealDigestKey(db: Kysely<UsersDatabase>, vault: SessionKeyVault): Promise<void> {
  const sealed = await findSealed(db)
  if (sealed === null || sealed.startsWith(`${vault.ring[0].kid}.`)) return
  await db
    .updateTable('weapp_auth_phone_key')
    .set({ sealed_key: vault.seal(openKey(vault, sealed), OWNER) })
    .execute()
}

async function findSealed(db: Kysely<UsersDatabase>): Promise<string | null> {
  const row = await db
    .selectFrom('weapp_auth_phone_key')
    .select('sealed_key')
    .where('id', '=', ONLY_ROW)
    .executeTakeFirst()
  return row?.sealed_key ?? null
}

/** @throws ApiError `internal` when its key is not in the ring */
function openKey(vault: SessionKeyVault, sealed: string): string {
  try {
    return vault.open(sealed, OWNER)
  } catch {
    const message =
      'phone numbers cannot be looked up: the key of their digests was sealed with a key that is not in the key ring; put that key back'
    throw new ApiError('internal', message)
  }
}

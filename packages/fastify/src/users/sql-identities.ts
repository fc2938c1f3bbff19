import { sql, type Transaction } from 'kysely'
import type { WechatIdentity } from '../wechat-identity.ts'
import type { UsersDatabase } from './database.ts'
import type { KeyOwner, SessionKeyVault } from './session-key-vault.ts'

/*
 * The statements of a sign-in that two processes may run at once. Each decides by itself: of many at once one inserts,
 * and the others wait for it and update. Always an identity first and its unionid second, so that no two wait for each
 * other.
 */

export interface IdentityToSave {
  appid: string
  identity: WechatIdentity
  /** Whose it becomes when it is nobody's yet. */
  userId: string
  nowMs: number
}

/** Writes an identity and its session_key down, and says whose it is. */
export async function saveIdentity(
  tx: Transaction<UsersDatabase>,
  vault: SessionKeyVault,
  { appid, identity, userId, nowMs }: IdentityToSave,
): Promise<{ userId: string; unionid: string | null }> {
  const owner: KeyOwner = { appid, openid: identity.openid }
  const key = keyColumns(vault, identity.sessionKey, owner)
  const saved = await tx
    .insertInto('identities')
    .values({
      ...owner,
      user_id: userId,
      unionid: identity.unionid,
      ...key.inserted,
      previous_session_key: null,
      created_at: nowMs,
      updated_at: nowMs,
    })
    .onConflict((conflict) =>
      conflict.columns(['appid', 'openid']).doUpdateSet({
        unionid: sql`coalesce(excluded.unionid, identities.unionid)`,
        ...key.updated,
        updated_at: nowMs,
      }),
    )
    .returning(['user_id', 'unionid'])
    .executeTakeFirstOrThrow()
  return { userId: saved.user_id, unionid: saved.unionid }
}

/** The columns of a session_key: as a new row has them, and how they change one. WeChat's own key may be the same again. */
export function keyColumns(vault: SessionKeyVault, sessionKey: string, owner: KeyOwner) {
  const fingerprints = vault.fingerprints(sessionKey, owner)
  const inserted = { session_key: vault.seal(sessionKey, owner), session_key_fingerprint: fingerprints[0] }
  return {
    inserted,
    updated: {
      previous_session_key: sql<string | null>`case
        when identities.session_key_fingerprint in (${sql.join(fingerprints)})
        then identities.previous_session_key else identities.session_key end`,
      ...inserted,
    },
  }
}

/** Takes a unionid for a user, and says whose it is. */
export async function claimUnionid(tx: Transaction<UsersDatabase>, unionid: string, userId: string): Promise<string> {
  const { user_id: holder } = await tx
    .insertInto('unionids')
    .values({ unionid, user_id: userId })
    .onConflict((conflict) => conflict.column('unionid').doUpdateSet({ unionid: sql`excluded.unionid` }))
    .returning('user_id')
    .executeTakeFirstOrThrow()
  return holder
}

/** False when the two users have been recorded before. */
export async function recordConflict(
  tx: Transaction<UsersDatabase>,
  conflict: { user_id: string; other_user_id: string; unionid: string; created_at: number },
): Promise<boolean> {
  const recorded = await tx
    .insertInto('identity_conflicts')
    .values(conflict)
    .onConflict((known) => known.doNothing())
    .returning('user_id')
    .executeTakeFirst()
  return recorded !== undefined
}

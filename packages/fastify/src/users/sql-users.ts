import { randomUUID } from 'node:crypto'
import type { UserProfile } from '@weapp-auth/shared'
import type { Kysely, Selectable, Transaction } from 'kysely'
import { guardStore } from '../store-failure.ts'
import type { WechatIdentity } from '../wechat-identity.ts'
import type { UsersDatabase, UsersTable } from './database.ts'
import { EMPTY_PROFILE } from './profile.ts'
import type { KeyOwner, SessionKeyVault } from './session-key-vault.ts'
import { claimUnionid, keyColumns, recordConflict, saveIdentity } from './sql-identities.ts'
import type { LinkedIdentity, LinkResult, User, UserStore } from './users.ts'

/** Two users whom WeChat says to be one person. They are left as they are, and the operator decides. */
export interface IdentityConflict {
  userId: string
  /** Whose the unionid is. */
  otherUserId: string
}

export interface SqlUserStoreOptions {
  /** Yours to open, to bring up to date with {@link migrateUsers}, to give deadlines and to destroy. */
  db: Kysely<UsersDatabase>
  vault: SessionKeyVault
  /** Told of each conflict once; all of them are in the table `identity_conflicts`. */
  onConflict?: (conflict: IdentityConflict) => void
}

/** Users in SQLite or PostgreSQL. */
export function createSqlUserStore({ db, vault, onConflict = () => {} }: SqlUserStoreOptions): UserStore {
  const guarded = guardStore('the user store', isDataError)
  return {
    signIn: guarded(async (appid, identity, nowMs) => {
      const candidateId = randomUUID()
      const { row, conflict } = await db.transaction().execute(async (tx) => {
        const saved = await saveIdentity(tx, vault, { appid, identity, userId: candidateId, nowMs })
        const { userId, conflict } = await followUnionid(tx, { ...saved, candidateId, identity, appid, nowMs })
        const row =
          userId === candidateId
            ? await tx.insertInto('users').values(newUser(userId, nowMs)).returningAll().executeTakeFirstOrThrow()
            : await tx.selectFrom('users').selectAll().where('id', '=', userId).executeTakeFirstOrThrow()
        return { row, conflict }
      })
      if (conflict) onConflict(conflict)
      return { user: parseUser(row), isNew: row.id === candidateId }
    }),

    linkIdentity: guarded(async (userId, appid, identity, nowMs) => {
      const { result, conflict } = await db.transaction().execute(async (tx): Promise<Linking> => {
        // An update that changes nothing holds the row in every engine: of two at once the second sees what the first did.
        const held = await tx.updateTable('users').set({ id: userId }).where('id', '=', userId).executeTakeFirst()
        if (held.numUpdatedRows === 0n) return { result: null }
        const own = await findLinked(tx, userId, appid)
        if (own && own.openid !== identity.openid) return { result: { linked: false, reason: 'occupied' } }
        const saved = await saveIdentity(tx, vault, { appid, identity, userId, nowMs })
        if (saved.userId !== userId) {
          return { result: { linked: false, reason: 'taken', userId: saved.userId } }
        }
        const { openid } = identity
        const result: LinkResult = { linked: true, identity: { openid, unionid: saved.unionid } }
        return { result, ...(await followUnionid(tx, { ...saved, candidateId: null, identity, appid, nowMs })) }
      })
      if (conflict) onConflict(conflict)
      return result
    }),

    replaceKey: guarded((userId, appid, sessionKey, nowMs) =>
      db.transaction().execute(async (tx) => {
        const own = await findLinked(tx, userId, appid)
        if (!own) return
        const { updated } = keyColumns(vault, sessionKey, { appid, openid: own.openid })
        await tx
          .updateTable('identities')
          .set({ ...updated, updated_at: nowMs })
          .where('appid', '=', appid)
          .where('openid', '=', own.openid)
          .execute()
      }),
    ),

    createUser: guarded(async (nowMs) =>
      parseUser(
        await db.insertInto('users').values(newUser(randomUUID(), nowMs)).returningAll().executeTakeFirstOrThrow(),
      ),
    ),

    findUser: guarded(async (userId) => {
      const row = await db.selectFrom('users').selectAll().where('id', '=', userId).executeTakeFirst()
      return row ? parseUser(row) : null
    }),

    findIdentity: guarded((userId, appid) => findLinked(db, userId, appid)),

    findKeys: guarded(async (userId, appid) => {
      const row = await db
        .selectFrom('identities')
        .select(['openid', 'session_key', 'previous_session_key'])
        .where('user_id', '=', userId)
        .where('appid', '=', appid)
        .executeTakeFirst()
      if (!row) return null
      const { openid } = row
      const sealed = [row.session_key, row.previous_session_key].filter((text) => text !== null)
      return { openid, sessionKeys: sealed.flatMap((text) => findOpened(text, { appid, openid }) ?? []) }
    }),

    updateProfile: guarded(async (userId, changes) => {
      const { avatarUrl, ...others } = changes
      const columns = { ...others, ...(avatarUrl !== undefined && { avatar_url: avatarUrl }) }
      const changed = Object.keys(columns).length > 0
      if (changed) await db.updateTable('users').set(columns).where('id', '=', userId).execute()
      const row = await db.selectFrom('users').selectAll().where('id', '=', userId).executeTakeFirst()
      return row ? parseUser(row) : null
    }),

    ping: guarded(async () => {
      // A write, of no row: a standby that took over too early answers every question, and signs nobody in.
      await db.updateTable('users').set({ id: '' }).where('id', '=', '').execute()
    }),
  }

  /** A key that the ring has lost is worth no outage: the next sign-in seals a new one. */
  function findOpened(sealed: string, owner: KeyOwner): string | null {
    try {
      return vault.open(sealed, owner)
    } catch {
      return null
    }
  }
}

interface Linking {
  result: LinkResult | null
  conflict?: IdentityConflict
}

interface SavedIdentity {
  userId: string
  unionid: string | null
  /** The id of the user who would be new; null when the identity must stay where it is. */
  candidateId: string | null
  identity: WechatIdentity
  appid: string
  nowMs: number
}

/** Whose an identity is once its unionid has been looked at: a person who is new here may be known from another app. */
async function followUnionid(
  tx: Transaction<UsersDatabase>,
  { userId, unionid, candidateId, identity, appid, nowMs }: SavedIdentity,
): Promise<{ userId: string; conflict?: IdentityConflict }> {
  if (unionid === null) return { userId }
  const holderId = await claimUnionid(tx, unionid, userId)
  if (holderId === userId) return { userId }
  if (userId === candidateId && !(await findLinked(tx, holderId, appid))) {
    await tx
      .updateTable('identities')
      .set({ user_id: holderId })
      .where('appid', '=', appid)
      .where('openid', '=', identity.openid)
      .execute()
    return { userId: holderId }
  }
  const isNews = await recordConflict(tx, {
    user_id: userId,
    other_user_id: holderId,
    unionid,
    created_at: nowMs,
  })
  return { userId, ...(isNews && { conflict: { userId, otherUserId: holderId } }) }
}

async function findLinked(db: Kysely<UsersDatabase>, userId: string, appid: string): Promise<LinkedIdentity | null> {
  const identity = await db
    .selectFrom('identities')
    .select(['openid', 'unionid'])
    .where('user_id', '=', userId)
    .where('appid', '=', appid)
    .executeTakeFirst()
  return identity ?? null
}

function newUser(id: string, nowMs: number) {
  return { id, created_at: nowMs, ...columnsOf(EMPTY_PROFILE) }
}

function columnsOf({ nickname, avatarUrl, gender, country, province, city, language }: Readonly<UserProfile>) {
  return { nickname, avatar_url: avatarUrl, gender, country, province, city, language }
}

function parseUser(row: Selectable<UsersTable>): User {
  const { nickname, avatar_url: avatarUrl, country, province, city, language } = row
  const gender = row.gender === 1 || row.gender === 2 ? row.gender : 0
  return {
    id: row.id,
    createdAtMs: Number(row.created_at),
    profile: { nickname, avatarUrl, gender, country, province, city, language },
  }
}

/** The data was at fault: SQLSTATE classes 22 and 23, SQLite's SQLITE_CONSTRAINT (19, in the low byte). */
function isDataError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('errcode' in error) return (Number(error.errcode) & 0xff) === 19
  return 'code' in error && /^2[23][0-9A-Z]{3}$/.test(String(error.code))
}

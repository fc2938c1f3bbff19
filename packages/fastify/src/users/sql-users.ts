import { randomUUID } from 'node:crypto'
import type { UserProfile } from '@weapp-auth/shared'
import { type Kysely, type Selectable, sql } from 'kysely'
import { ApiError } from '../api-error.ts'
import type { UsersDatabase, UsersTable } from './database.ts'
import { EMPTY_PROFILE } from './profile.ts'
import type { KeyOwner, SessionKeyVault } from './session-key-vault.ts'
import type { User, UserStore } from './users.ts'

export interface SqlUserStoreOptions {
  /** Yours to open, to bring up to date with {@link migrateUsers}, to give deadlines and to destroy. */
  db: Kysely<UsersDatabase>
  vault: SessionKeyVault
}

/** Users in SQLite or PostgreSQL. */
export function createSqlUserStore({ db, vault }: SqlUserStoreOptions): UserStore {
  return {
    signIn: guarded((appid, identity, nowMs) =>
      db.transaction().execute(async (tx) => {
        const owner: KeyOwner = { appid, openid: identity.openid }
        const candidateId = randomUUID()
        // One statement decides: of many first sign-ins at once, one inserts and the others wait for it and update.
        const { user_id: userId } = await tx
          .insertInto('identities')
          .values({
            ...owner,
            user_id: candidateId,
            unionid: identity.unionid,
            session_key: vault.seal(identity.sessionKey, owner),
            session_key_fingerprint: vault.fingerprint(identity.sessionKey, owner),
            previous_session_key: null,
            created_at: nowMs,
            updated_at: nowMs,
          })
          .onConflict((conflict) =>
            conflict.columns(['appid', 'openid']).doUpdateSet({
              unionid: sql`coalesce(excluded.unionid, identities.unionid)`,
              previous_session_key: sql`case
                when identities.session_key_fingerprint = excluded.session_key_fingerprint
                then identities.previous_session_key else identities.session_key end`,
              session_key: sql`excluded.session_key`,
              session_key_fingerprint: sql`excluded.session_key_fingerprint`,
              updated_at: nowMs,
            }),
          )
          .returning('user_id')
          .executeTakeFirstOrThrow()
        const isNew = userId === candidateId
        const row = isNew
          ? await tx.insertInto('users').values(newUser(userId, nowMs)).returningAll().executeTakeFirstOrThrow()
          : await tx.selectFrom('users').selectAll().where('id', '=', userId).executeTakeFirstOrThrow()
        return { user: parseUser(row), isNew }
      }),
    ),

    findUser: guarded(async (userId) => {
      const row = await db.selectFrom('users').selectAll().where('id', '=', userId).executeTakeFirst()
      return row ? parseUser(row) : null
    }),

    findIdentity: guarded(async (userId, appid) => {
      const identity = await db
        .selectFrom('identities')
        .select(['openid', 'unionid'])
        .where('user_id', '=', userId)
        .where('appid', '=', appid)
        .executeTakeFirst()
      return identity ?? null
    }),

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

    replaceProfile: guarded(async (userId, profile) => {
      const row = await db
        .updateTable('users')
        .set(columnsOf(profile))
        .where('id', '=', userId)
        .returningAll()
        .executeTakeFirst()
      return row ? parseUser(row) : null
    }),

    ping: guarded(async () => {
      await sql`select 1`.execute(db)
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

/**
 * A failed statement is an outage of the store, except where the data was at fault: SQLSTATE classes 22 and 23,
 * SQLite's SQLITE_CONSTRAINT (19, in the low byte). That is our mistake, and trying again would not help.
 *
 * The driver's own error is not passed on: its fields quote rows, and rows hold openids.
 */
function guarded<A extends unknown[], T>(run: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return async (...args) => {
    try {
      return await run(...args)
    } catch (error) {
      if (isDataError(error)) throw new ApiError('internal', `the user store refused the data: ${messageOf(error)}`)
      throw new ApiError('store_unavailable', `the user store failed: ${messageOf(error)}`, { retryAfterSeconds: 1 })
    }
  }
}

function isDataError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('errcode' in error) return (Number(error.errcode) & 0xff) === 19
  return 'code' in error && /^2[23][0-9A-Z]{3}$/.test(String(error.code))
}

/** Node wraps a refused connection in an AggregateError that has a code but no message. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}

import type { Kysely } from 'kysely'
import type { ConflictStore } from '../conflicts/conflict-store.ts'
import { createSqlConflicts } from '../conflicts/sql-conflicts.ts'
import { type SqlEventStore, writeNoEvent } from '../events/sql-events.ts'
import { guardStore, storeUnavailable, WRITABLE_MS } from '../store-failure.ts'
import type { UsersDatabase } from './database.ts'
import { faultOf } from './engine.ts'
import { isExternalId } from './external-id.ts'
import { checkText, isStorable } from './prepared.ts'
import type { KeyOwner, SessionKeyVault } from './session-key-vault.ts'
import { createSqlAccounts, toDisabled } from './sql-accounts.ts'
import { createSqlIdentities, type IdentityConflict, newUserRow, sealKey, textOf } from './sql-identities.ts'
import { prepareStatements, type UserRow } from './sql-statements.ts'
import { withTries } from './tries.ts'
import { createTurns } from './turns.ts'
import type { IdentityStore, User, UserStore } from './users.ts'

/** Options of {@link createSqlUserStore}. */
export interface SqlUserStoreOptions {
  /**
   * SQLite, PostgreSQL or MySQL. Yours to open, to bring up to date with {@link migrateUsers}, to give deadlines and to
   * destroy.
   */
  db: Kysely<UsersDatabase>
  vault: SessionKeyVault
  /**
   * Writes an event with each change of a user, in the same transaction. Made for the same database, by `createSqlEventStore`.
   * Default: no events are written.
   */
  events?: Pick<SqlEventStore, 'write'>
  /** Told of each conflict once; all of them are in the table `weapp_auth_conflicts`. */
  onConflict?: (conflict: IdentityConflict) => void
}

/** How long a call waits for others about the same user before it fails. A locked statement is ended after about as long. */
const TURN_MS = 4_000
const STORE = 'the user store'
/** Our ids are UUIDs. The database is not asked about anything else. */
const USER_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Users in SQLite, PostgreSQL or MySQL. */
export function createSqlUserStore(options: SqlUserStoreOptions): UserStore & IdentityStore & ConflictStore {
  const { db, vault, events, onConflict = () => {} } = options
  const statements = prepareStatements(db)
  const writeEvent = events?.write ?? writeNoEvent
  const identities = createSqlIdentities({ db, statements, vault, writeEvent })
  const accounts = createSqlAccounts({ db, statements, writeEvent })
  const userConflicts = createSqlConflicts({ db, statements, vault, writeEvent })
  const takeTurns = createTurns(TURN_MS, () => storeUnavailable(STORE, 'other calls about the same user take too long'))
  const guarded = guardStore(STORE, (error) => {
    const refusal = findRefusal(error)
    if (refusal === null) wroteAtMs = Number.NEGATIVE_INFINITY
    return refusal
  })
  /** `performance.now()` at the last write that succeeded. */
  let wroteAtMs = Number.NEGATIVE_INFINITY
  /** The write that `ping` makes to see whether one succeeds. Null: none is under way. */
  let pinging: Promise<void> | null = null

  return {
    signIn: async (appid, identity, nowMs) => {
      const proven = { ...identity, appid, nowMs }
      const signedIn = await takeTurns(`${appid} ${identity.openid}`, () =>
        ask(async () => (await identities.signInKnown(proven)) ?? (await identities.signIn(proven))),
      )
      if (signedIn.wrote) wrote()
      if (signedIn.conflict) onConflict(signedIn.conflict)
      const { row, isNew } = signedIn
      return row.erasing_at === null ? { user: toUser(row), isNew } : { erasing: row.id }
    },

    linkIdentity: async (userId, appid, identity, nowMs, by = 'host') => {
      if (!USER_ID.test(userId)) return null
      return change(userId, async () => {
        const { result, conflict } = await identities.link(userId, { ...identity, appid, nowMs }, by)
        if (conflict) onConflict(conflict)
        return result
      })
    },

    replaceKey: async (userId, appid, sessionKey, nowMs) => {
      if (!USER_ID.test(userId)) return
      await change(userId, async () => {
        const openid = textOf((await findIdentity(userId, appid))?.openid ?? null)
        if (openid === null) return
        await statements.replaceKey(db, { appid, openid, ...sealKey(vault, { appid, openid, sessionKey, nowMs }) })
      })
    },

    createUser: async (nowMs) => {
      const row = newUserRow(nowMs)
      await change(row.id, () => statements.insertUser(db, { id: row.id, now: nowMs }))
      return toUser(row)
    },

    createUserWithExternalId: async (externalId, nowMs) => {
      const row = newUserRow(nowMs)
      return (await change(row.id, () => accounts.create(row.id, externalId, nowMs)))
        ? toUser({ ...row, external_id: externalId })
        : null
    },

    findUser: (userId) => ask(() => findUser(userId)),

    findUserByExternalId: (externalId) =>
      ask(async () => {
        if (!isExternalId(externalId)) return null
        const [row] = await statements.findExternalId(db, { external_id: externalId })
        return row && row.erasing_at === null ? toUser(row) : null
      }),

    listUsers: ({ after, limit }) =>
      ask(async () => {
        const users = db.selectFrom('weapp_auth_users').selectAll().where('erasing_at', 'is', null)
        const rows = await users
          .where('id', '>', after ?? '')
          .orderBy('id')
          .limit(limit)
          .execute()
        return rows.map(toUser)
      }),

    findUserByIdentity: (appid, openid) =>
      ask(async () => {
        if (!isStorable(appid) || !isStorable(openid)) return null
        const [row] = await statements.findKnown(db, { appid, openid })
        return row && row.erasing_at === null ? toUser(row) : null
      }),

    listIdentities: (userId) =>
      ask(async () => {
        if (!USER_ID.test(userId)) return []
        const rows = await db
          .selectFrom('weapp_auth_identities as i')
          .innerJoin('weapp_auth_users as u', 'u.id', 'i.user_id')
          .select(['i.appid', 'i.openid', 'i.unionid'])
          .where('u.id', '=', userId)
          .where('u.erasing_at', 'is', null)
          .orderBy('i.appid')
          .execute()
        return rows.map(({ appid, openid, unionid }) => ({
          appid: appid.toString(),
          openid: openid.toString(),
          unionid: textOf(unionid),
        }))
      }),

    findIdentity: (userId, appid) =>
      ask(async () => {
        const found = await findIdentity(userId, appid)
        return found && { openid: found.openid.toString(), unionid: textOf(found.unionid) }
      }),

    findUserIdEvenIfErasing: (appid, openid) =>
      ask(async () => {
        const [user] = await statements.findKnown(db, { appid, openid })
        return user?.id ?? null
      }),

    unlinkIdentity: async (userId, identity, by = 'host') => {
      if (USER_ID.test(userId)) await change(userId, () => accounts.unlink(userId, identity, by))
    },

    findKeys: (userId, appid) =>
      ask(async () => {
        const found = await findIdentity(userId, appid)
        if (!found) return null
        const openid = found.openid.toString()
        const sealed = [found.session_key, found.previous_session_key].filter((text) => text !== null)
        return { openid, sessionKeys: sealed.flatMap((text) => findOpened(text, { appid, openid }) ?? []) }
      }),

    updateProfile: async (userId, changes, by = 'host') => {
      const { avatarUrl, ...others } = changes
      const columns = { ...others, ...(avatarUrl !== undefined && { avatar_url: avatarUrl }) }
      if (Object.keys(columns).length === 0 || !USER_ID.test(userId)) return ask(() => findUser(userId))
      return change(userId, async () => {
        Object.values(columns).forEach(checkText)
        await db.transaction().execute(async (tx) => {
          if (!(await updateUser(tx, userId, columns))) return
          await writeEvent(tx, { type: 'profile_changed', by, userId, data: { fields: Object.keys(changes) } })
        })
        return findUser(userId)
      })
    },

    setExternalId: async (userId, externalId, mayReplace, by = 'host') => {
      if (!USER_ID.test(userId)) return null
      return change(userId, () => accounts.setExternalId(userId, externalId, mayReplace, by))
    },

    disableUser: async (userId, disabled, by = 'host') =>
      USER_ID.test(userId) && change(userId, () => accounts.disable(userId, disabled, by)),

    enableUser: async (userId, by = 'host') =>
      USER_ID.test(userId) ? change(userId, () => accounts.enable(userId, by)) : null,

    beginErasure: async (userId, nowMs, by = 'host') =>
      USER_ID.test(userId) && change(userId, () => accounts.beginErasure(userId, nowMs, by)),

    beginErasureOfLast: async (userId, appid, nowMs, by = 'host') =>
      USER_ID.test(userId) && change(userId, () => accounts.beginErasureOfLast(userId, appid, nowMs, by)),

    listConflicts: (page) => ask(() => userConflicts.list(page)),

    mergeUsers: async (merge, nowMs, by = 'host') => {
      if (!USER_ID.test(merge.keep) || !USER_ID.test(merge.drop)) return null
      return change(merge.drop, () => userConflicts.merge(merge, nowMs, by))
    },

    eraseUser: (userId) => change(userId, () => accounts.erase(userId)),

    findErasing: (limit) =>
      ask(async () => {
        const erasing = db.selectFrom('weapp_auth_users').select('id').where('erasing_at', 'is not', null)
        return (await erasing.limit(limit).execute()).map(({ id }) => id)
      }),

    ping: async () => {
      if (performance.now() - wroteAtMs < WRITABLE_MS) return
      pinging ??= ask(() => statements.write(db, {}))
        .then(wrote)
        .finally(() => {
          pinging = null
        })
      await pinging
    },
  }

  async function findUser(userId: string): Promise<User | null> {
    if (!USER_ID.test(userId)) return null
    const [row] = await statements.findUser(db, { id: userId })
    return row && row.erasing_at === null ? toUser(row) : null
  }

  async function findIdentity(userId: string, appid: string) {
    if (!USER_ID.test(userId)) return null
    const [row] = await statements.findIdentity(db, { user_id: userId, appid })
    return row ?? null
  }

  /** A key that the ring has lost is no outage: the next sign-in seals a new one. */
  function findOpened(sealed: string, owner: KeyOwner): string | null {
    try {
      return vault.open(sealed, owner)
    } catch {
      return null
    }
  }

  /** Work that writes, one after the other for one user. */
  async function change<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = await takeTurns(key, () => ask(work))
    wrote()
    return result
  }

  function wrote(): void {
    wroteAtMs = performance.now()
  }

  /** Work that was in the way of another transaction is done again, once. What fails is told as our own error. */
  function ask<T>(work: () => Promise<T>): Promise<T> {
    return guarded(() => withTries(2, work))()
  }
}

async function updateUser(
  db: Kysely<UsersDatabase>,
  userId: string,
  columns: Partial<Omit<UserRow, 'id'>>,
): Promise<boolean> {
  const update = db.updateTable('weapp_auth_users').set(columns).where('id', '=', userId)
  return (await update.executeTakeFirst()).numUpdatedRows > 0n
}

function toUser(row: UserRow): User {
  const { nickname, avatar_url: avatarUrl, country, province, city, language } = row
  const gender = row.gender === 1 || row.gender === 2 ? row.gender : 0
  return {
    id: row.id,
    createdAtMs: Number(row.created_at),
    profile: { nickname, avatarUrl, gender, country, province, city, language },
    externalId: row.external_id,
    disabled: toDisabled(row),
  }
}

/** What was wrong with the data, if anything was, without the data: a driver's own message may quote a row. */
function findRefusal(error: unknown): string | null {
  const fault = faultOf(error)
  if (fault !== 'data' && fault !== 'constraint') return null
  if (error instanceof RangeError) return error.message
  return error instanceof Error && 'code' in error ? String(error.code) : 'no code'
}

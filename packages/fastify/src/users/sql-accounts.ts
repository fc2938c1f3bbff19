import type { Kysely, Transaction } from 'kysely'
import type { Actor } from '../actor.ts'
import type { WriteEvent } from '../events/sql-events.ts'
import type { UsersDatabase } from './database.ts'
import { faultOf } from './engine.ts'
import { checkText } from './prepared.ts'
import { textOf } from './sql-identities.ts'
import type { Statements, UserRow } from './sql-statements.ts'
import type { Disabled, ExternalIdResult } from './users.ts'

type Tx = Transaction<UsersDatabase>

/** The part of the user store that changes whether, and under which id, a user is there. */
export interface SqlAccounts {
  /** False when another user has the externalId. */
  create(userId: string, externalId: string, nowMs: number): Promise<boolean>
  setExternalId(
    userId: string,
    externalId: string | null,
    mayReplace: boolean,
    by: Actor,
  ): Promise<ExternalIdResult | null>
  disable(userId: string, disabled: Disabled, by: Actor): Promise<boolean>
  enable(userId: string, by: Actor): Promise<Disabled | null>
  beginErasure(userId: string, nowMs: number, by: Actor): Promise<boolean>
  beginErasureOfLast(userId: string, appid: string, nowMs: number, by: Actor): Promise<boolean>
  unlink(userId: string, identity: { appid: string; openid: string }, by: Actor): Promise<void>
  erase(userId: string): Promise<void>
}

/**
 * The tables of which an erased user's rows go, in the order in which a sign-in locks them, so that no two wait for each
 * other. A table with a foreign key to the users need not stand here: its rows go with the user.
 */
const TABLES_OF_A_USER = ['weapp_auth_identities', 'weapp_auth_unionids'] as const

/** How accounts change in the database. Each method is one transaction. */
export function createSqlAccounts(o: {
  db: Kysely<UsersDatabase>
  statements: Statements
  writeEvent: WriteEvent
}): SqlAccounts {
  const { db, statements, writeEvent } = o

  return {
    async create(userId, externalId, nowMs) {
      try {
        await db.transaction().execute(async (tx) => {
          await statements.insertUser(tx, { id: userId, now: nowMs })
          await update(tx, userId, { external_id: externalId })
        })
        return true
      } catch (error) {
        await findHolder(error, externalId)
        return false
      }
    },

    async setExternalId(userId, externalId, mayReplace, by) {
      try {
        return await changeUser(userId, null, async (tx, user) => {
          if (user.external_id === externalId) return { set: true }
          if (user.external_id !== null && !mayReplace) return { set: false, reason: 'different' }
          await update(tx, userId, { external_id: externalId })
          await writeEvent(tx, { type: 'profile_changed', by, userId, data: { fields: ['externalId'] } })
          return { set: true }
        })
      } catch (error) {
        return { set: false, reason: 'taken', userId: await findHolder(error, externalId) }
      }
    },

    disable: (userId, { atMs, untilMs, reason }, by) =>
      changeUser(userId, false, async (tx) => {
        const change = { disabled_at: atMs, disabled_until: untilMs, disabled_reason: checkText(reason) }
        await update(tx, userId, change)
        const until = untilMs === null ? null : new Date(untilMs).toISOString()
        await writeEvent(tx, { type: 'user_disabled', by, userId, data: { reason, until } })
        return true
      }),

    enable: (userId, by) =>
      changeUser(userId, null, async (tx, user) => {
        const disabled = toDisabled(user)
        if (!disabled) return null
        await update(tx, userId, { disabled_at: null, disabled_until: null, disabled_reason: null })
        await writeEvent(tx, { type: 'user_enabled', by, userId })
        return disabled
      }),

    beginErasure: (userId, nowMs, by) => markErasing(userId, nowMs, by, async () => true),

    beginErasureOfLast: (userId, appid, nowMs, by) =>
      markErasing(userId, nowMs, by, async (tx, user) => {
        if (user.external_id !== null) return false
        const others = identitiesOf(tx, userId).where('appid', '<>', appid)
        return (await others.executeTakeFirst()) === undefined
      }),

    unlink: (userId, { appid, openid }, by) =>
      changeUser(userId, undefined, async (tx) => {
        const [identity] = await statements.findIdentity(tx, { user_id: userId, appid })
        if (!identity || textOf(identity.openid) !== openid) return
        await tx.deleteFrom('weapp_auth_identities').where('user_id', '=', userId).where('appid', '=', appid).execute()
        await writeEvent(tx, { type: 'identity_unlinked', by, userId, data: { appid } })
        const unionid = textOf(identity.unionid)
        if (unionid === null) return
        if (await identitiesOf(tx, userId).where('unionid', '=', unionid).executeTakeFirst()) return
        await tx
          .deleteFrom('weapp_auth_unionids')
          .where('unionid', '=', unionid)
          .where('user_id', '=', userId)
          .execute()
        await tx
          .deleteFrom('weapp_auth_conflicts')
          .where('unionid', '=', unionid)
          .where((eb) => eb.or([eb('user_id', '=', userId), eb('other_user_id', '=', userId)]))
          .execute()
      }),

    erase: (userId) =>
      db.transaction().execute(async (tx) => {
        for (const table of TABLES_OF_A_USER) await tx.deleteFrom(table).where('user_id', '=', userId).execute()
        await statements.deleteUser(tx, { id: userId })
      }),
  }

  /** Who has the externalId that could not be given because of `error`. Where nobody has it any more, the caller tries once more. */
  async function findHolder(error: unknown, externalId: string | null): Promise<string> {
    if (externalId === null || faultOf(error) !== 'constraint') throw error
    const [holder] = await statements.findExternalId(db, { external_id: externalId })
    if (!holder) throw error
    return holder.id
  }

  /** False when there is no such user, or `mayErase` says so; true for one who is marked already. */
  function markErasing(
    userId: string,
    nowMs: number,
    by: Actor,
    mayErase: (tx: Tx, user: UserRow) => Promise<boolean>,
  ): Promise<boolean> {
    return db.transaction().execute(async (tx) => {
      const [user] = await statements.holdUser(tx, { id: userId })
      if (!user) return false
      if (user.erasing_at !== null) return true
      if (!(await mayErase(tx, user))) return false
      await update(tx, userId, { erasing_at: nowMs })
      await writeEvent(tx, { type: 'user_erased', by, userId, externalId: user.external_id })
      return true
    })
  }

  /** Runs a change of a user whom nobody else changes meanwhile; answers `none` when there is no such user. */
  function changeUser<T>(userId: string, none: T, change: (tx: Tx, user: UserRow) => Promise<T>): Promise<T> {
    return db.transaction().execute(async (tx) => {
      const [user] = await statements.holdUser(tx, { id: userId })
      return !user || user.erasing_at !== null ? none : change(tx, user)
    })
  }
}

function identitiesOf(tx: Tx, userId: string) {
  return tx.selectFrom('weapp_auth_identities').select('appid').where('user_id', '=', userId).limit(1)
}

/** What a row says about signing in. */
export function toDisabled({ disabled_at, disabled_until, disabled_reason }: UserRow): Disabled | null {
  if (disabled_at === null) return null
  return {
    atMs: Number(disabled_at),
    untilMs: disabled_until === null ? null : Number(disabled_until),
    reason: disabled_reason ?? '',
  }
}

async function update(tx: Tx, userId: string, change: Partial<UserRow>): Promise<void> {
  await tx.updateTable('weapp_auth_users').set(change).where('id', '=', userId).execute()
}

import type { ExpressionBuilder, Kysely, Transaction } from 'kysely'
import type { Actor } from '../actor.ts'
import type { WriteEvent } from '../events/sql-events.ts'
import { resealPhone } from '../phone/sealed-phone.ts'
import type { UsersDatabase } from '../users/database.ts'
import { engineOf } from '../users/engine.ts'
import type { SessionKeyVault } from '../users/session-key-vault.ts'
import { toDisabled } from '../users/sql-accounts.ts'
import { type Statements, type UserRow, unlessThere } from '../users/sql-statements.ts'
import { isDisabled } from '../users/users.ts'
import type { ConflictPage, Merge, MergeResult, UserConflict } from './conflict-store.ts'

type Tx = Transaction<UsersDatabase>

/** The part of the user store that joins two users. */
export interface SqlConflicts {
  list(page: ConflictPage): Promise<UserConflict[]>
  merge(merge: Merge, nowMs: number, by: Actor): Promise<MergeResult | null>
}

/** Conflicts in the database. A merge is one transaction. */
export function createSqlConflicts(o: {
  db: Kysely<UsersDatabase>
  statements: Statements
  vault: SessionKeyVault
  writeEvent: WriteEvent
}): SqlConflicts {
  const { db, statements, vault, writeEvent } = o
  const engine = engineOf(db)

  return {
    async list({ after, limit }) {
      const rows = await db
        .selectFrom('weapp_auth_conflicts as c')
        .innerJoin('weapp_auth_users as u', 'u.id', 'c.user_id')
        .innerJoin('weapp_auth_users as o', 'o.id', 'c.other_user_id')
        .where('u.erasing_at', 'is', null)
        .where('o.erasing_at', 'is', null)
        .$if(after !== null, (query) =>
          query.where(({ eb, or, and }) =>
            or([
              eb('c.user_id', '>', after?.userId ?? ''),
              and([eb('c.user_id', '=', after?.userId ?? ''), eb('c.other_user_id', '>', after?.otherUserId ?? '')]),
            ]),
          ),
        )
        // Two users may have several unionids in common, one for each Open Platform account.
        .groupBy(['c.user_id', 'c.other_user_id'])
        .select(({ fn }) => ['c.user_id', 'c.other_user_id', fn.min('c.created_at').as('created_at')])
        .orderBy('c.user_id')
        .orderBy('c.other_user_id')
        .limit(limit)
        .execute()
      return rows.map(({ user_id, other_user_id, created_at }) => ({
        userId: user_id,
        otherUserId: other_user_id,
        createdAtMs: Number(created_at),
      }))
    },

    merge: ({ keep, drop }, nowMs, by) =>
      db.transaction().execute(async (tx) => {
        // In the order of their ids, so that no two merges wait for each other.
        const held = new Map<string, UserRow>()
        for (const id of [keep, drop].sort()) {
          const [row] = await statements.holdUser(tx, { id })
          if (row && row.erasing_at === null) held.set(id, row)
        }
        const [kept, dropped] = [held.get(keep), held.get(drop)]
        if (!kept || !dropped || !(await areInConflict(tx, keep, drop))) return null
        const reason = await findObstacle(tx, kept, dropped, nowMs)
        if (reason) return { merged: false, reason }
        await moveAll(tx, { keep, drop })
        await movePhone(tx, { keep, drop })
        // First here, because an externalId is unique.
        await updateUser(tx, drop, { external_id: null, erasing_at: nowMs })
        if (dropped.external_id !== null) await updateUser(tx, keep, { external_id: dropped.external_id })
        await writeEvent(tx, { type: 'user_merged', by, userId: keep, otherUserId: drop })
        return { merged: true }
      }),
  }

  async function areInConflict(tx: Tx, one: string, other: string): Promise<boolean> {
    const row = await conflictsOf(tx, one, other).select('unionid').limit(1).executeTakeFirst()
    return row !== undefined
  }

  async function findObstacle(tx: Tx, kept: UserRow, dropped: UserRow, nowMs: number) {
    for (const row of [kept, dropped]) {
      if (isDisabled({ disabled: toDisabled(row) }, nowMs)) return 'disabled'
    }
    if (kept.external_id !== null && dropped.external_id !== null) return 'external_ids'
    const both = await tx
      .selectFrom('weapp_auth_identities as a')
      .innerJoin('weapp_auth_identities as b', 'b.appid', 'a.appid')
      .select('a.user_id')
      .where('a.user_id', '=', kept.id)
      .where('b.user_id', '=', dropped.id)
      .limit(1)
      .executeTakeFirst()
    return both ? 'identities' : null
  }

  async function moveAll(tx: Tx, { keep, drop }: Merge): Promise<void> {
    for (const table of ['weapp_auth_identities', 'weapp_auth_unionids'] as const) {
      await tx.updateTable(table).set({ user_id: keep }).where('user_id', '=', drop).execute()
    }
    // Conflicts of the other user with a third one become those of the user who stays.
    const isOfDropped = (eb: ExpressionBuilder<UsersDatabase, 'weapp_auth_conflicts'>) =>
      eb.or([eb('user_id', '=', drop), eb('other_user_id', '=', drop)])
    const others = await tx.selectFrom('weapp_auth_conflicts').selectAll().where(isOfDropped).execute()
    await tx.deleteFrom('weapp_auth_conflicts').where(isOfDropped).execute()
    for (const row of others) {
      const moved = {
        ...row,
        user_id: row.user_id === drop ? keep : row.user_id,
        other_user_id: row.other_user_id === drop ? keep : row.other_user_id,
      }
      if (moved.user_id === moved.other_user_id) continue
      const key = ['user_id', 'other_user_id', 'unionid'] as const
      await unlessThere(engine, tx.insertInto('weapp_auth_conflicts').values(moved), key).execute()
    }
  }

  /** Only where the user who stays has none. The number is sealed for its user, so it is sealed anew. */
  async function movePhone(tx: Tx, { keep, drop }: Merge): Promise<void> {
    const rows = await tx.selectFrom('weapp_auth_phones').selectAll().where('user_id', 'in', [keep, drop]).execute()
    const [row, ...others] = rows
    if (!row || row.user_id !== drop || others.length > 0) return
    const sealed_number = resealPhone(vault, row.sealed_number, { from: drop, to: keep })
    if (sealed_number === null) return
    await tx
      .updateTable('weapp_auth_phones')
      .set({ user_id: keep, sealed_number })
      .where('user_id', '=', drop)
      .execute()
  }
}

function conflictsOf(tx: Tx, one: string, other: string) {
  return tx
    .selectFrom('weapp_auth_conflicts')
    .where(({ eb, or, and }) =>
      or([
        and([eb('user_id', '=', one), eb('other_user_id', '=', other)]),
        and([eb('user_id', '=', other), eb('other_user_id', '=', one)]),
      ]),
    )
}

async function updateUser(tx: Tx, userId: string, change: Partial<UserRow>): Promise<void> {
  await tx.updateTable('weapp_auth_users').set(change).where('id', '=', userId).execute()
}

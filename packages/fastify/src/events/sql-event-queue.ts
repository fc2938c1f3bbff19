import type { Kysely } from 'kysely'
import type { GuardMethod } from '../store-failure.ts'
import type { UsersDatabase } from '../users/database.ts'
import { prepare } from '../users/prepared.ts'
import type { EventType } from './event.ts'
import type { EventQueue, Held, HeldEvent } from './event-queue.ts'
import { toEvent } from './sql-event-row.ts'

/** Longer than a process holds an event, and longer than the next attempt is put off. */
const LONGEST_WAIT_MS = 60 * 60_000
/** More are not counted, so that asking is cheap also while the other side is away for a day. */
const MAX_COUNTED = 10_000

/**
 * The events of the table that have a `due_at`: the time of the next attempt or, while a process holds the event, the time when that
 * ends. A process takes an event by moving `due_at` on. Of several that try, only the one that still finds the old value succeeds.
 */
export function createSqlEventQueue(db: Kysely<UsersDatabase>, guarded: GuardMethod): EventQueue {
  const findDue = prepareFindDue(db)
  const events = db.updateTable('weapp_auth_events')
  const change = (p: { id: string; due: number }) => events.where('id', '=', p.id).where('due_at', '=', p.due)
  const take = (id: string, due: number, until: number) =>
    change({ id, due })
      .set((eb) => ({ due_at: until, attempts: eb('attempts', '+', 1) }))
      .executeTakeFirst()

  return {
    take: guarded(async ({ nowMs, holdMs, limit }) => {
      const taken: HeldEvent[] = []
      for (const { user_external_id, ...row } of await findDue(db, { now: nowMs, limit })) {
        const heldUntilMs = nowMs + holdMs
        const { numUpdatedRows } = await take(row.id, Number(row.due_at), heldUntilMs)
        if (numUpdatedRows === 0n) continue
        const externalId = user_external_id ?? (await findErasedExternalId(row.user_id))
        taken.push({ ...toEvent(row), externalId, attempts: row.attempts + 1, heldUntilMs })
      }
      return taken
    }),

    extend: guarded(async ({ id, heldUntilMs }, untilMs) => {
      const { numUpdatedRows } = await change({ id, due: heldUntilMs }).set({ due_at: untilMs }).executeTakeFirst()
      return numUpdatedRows > 0n
    }),

    settle: guarded(async ({ id, heldUntilMs }) => {
      await change({ id, due: heldUntilMs }).set({ due_at: null }).execute()
    }),

    retry: guarded(async ({ id, userId, heldUntilMs }, { nowMs, atMs }) => {
      const { numUpdatedRows } = await change({ id, due: heldUntilMs }).set({ due_at: atMs }).executeTakeFirst()
      if (numUpdatedRows === 0n || userId === null) return
      // Later events of this user are delivered after it: until then, no search for due events has to pass them by. One that is not due
      // is held by another process, or waits already.
      await events.set({ due_at: atMs }).where('user_id', '=', userId).where('due_at', '<=', nowMs).execute()
    }),

    giveUp: guarded(async ({ id, heldUntilMs }: Held, nowMs) => {
      await change({ id, due: heldUntilMs }).set({ due_at: null, given_up_at: nowMs }).execute()
    }),

    bringForward: guarded(async (nowMs) => {
      await events
        .set({ due_at: nowMs })
        .where('due_at', '>', nowMs + LONGEST_WAIT_MS)
        .execute()
    }),

    listGivenUp: guarded(async ({ after, limit }) => {
      const given = db.selectFrom('weapp_auth_events').selectAll().where('given_up_at', 'is not', null)
      const rows = await given
        .where('id', '>', after ?? '')
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ ...toEvent(row), attempts: row.attempts, givenUpAtMs: Number(row.given_up_at) }))
    }),

    resend: guarded(async (ids, nowMs) => {
      if (ids.length === 0) return 0
      const again = events.set({ due_at: nowMs, attempts: 0, given_up_at: null }).where('id', 'in', [...ids])
      return Number((await again.where('given_up_at', 'is not', null).executeTakeFirst()).numUpdatedRows)
    }),

    inspect: guarded(async () => {
      const [waiting, given] = await Promise.all([countSet('due_at'), countSet('given_up_at')])
      const oldestAtMs = waiting.oldest === null ? null : Number(waiting.oldest)
      return { undelivered: Number(waiting.count), oldestAtMs, givenUp: Number(given.count) }
    }),
  }

  /** Counts the events that have this time, and finds the oldest. Both columns have an index. */
  function countSet(column: 'due_at' | 'given_up_at') {
    const first = db.selectFrom('weapp_auth_events').select('at').where(column, 'is not', null)
    return db
      .selectFrom(first.orderBy(column).limit(MAX_COUNTED).as('first'))
      .select(({ fn }) => [fn.countAll().as('count'), fn.min('at').as('oldest')])
      .executeTakeFirstOrThrow()
  }

  /** The externalId of a user whose row is gone. It stands in the event of the erasure. */
  async function findErasedExternalId(userId: string | null): Promise<string | null> {
    if (userId === null) return null
    const erased = db
      .selectFrom('weapp_auth_events')
      .select('external_id')
      .where('user_id', '=', userId)
      .where('type', '=', 'user_erased' satisfies EventType)
    return (await erased.executeTakeFirst())?.external_id ?? null
  }
}

/** Finds events that are due, where no earlier event of the same user waits to be delivered. */
function prepareFindDue(db: Kysely<UsersDatabase>) {
  return prepare((p: { now: number; limit: number }) =>
    db
      .selectFrom('weapp_auth_events as e')
      .leftJoin('weapp_auth_users as u', 'u.id', 'e.user_id')
      .selectAll('e')
      .select('u.external_id as user_external_id')
      .where('e.due_at', '<=', p.now)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('weapp_auth_events as before')
              .select('before.id')
              .whereRef('before.user_id', '=', 'e.user_id')
              .whereRef('before.id', '<', 'e.id')
              .where('before.due_at', 'is not', null),
          ),
        ),
      )
      .orderBy('e.due_at')
      .limit(p.limit),
  )
}

import { randomBytes } from 'node:crypto'
import type { Insertable, Kysely } from 'kysely'
import { guardStore } from '../store-failure.ts'
import type { EventsTable, UsersDatabase } from '../users/database.ts'
import { engineOf, faultOf } from '../users/engine.ts'
import { checkText, prepare, type Statement } from '../users/prepared.ts'
import { unlessThere } from '../users/sql-statements.ts'
import type { AuthEvent, EventType, NewEvent } from './event.ts'
import { createEventId, createEventIdAfter, firstEventId } from './event-id.ts'
import type { EventStore } from './event-store.ts'
import { createSqlEventQueue } from './sql-event-queue.ts'
import { toEvent } from './sql-event-row.ts'

/** Options of {@link createSqlEventStore}. */
export interface SqlEventStoreOptions {
  /** The database of the users, see `createSqlUserStore`. */
  db: Kysely<UsersDatabase>
  /** Whether events are delivered: true in every process when the option `events.onEvent` is set. Default false. */
  deliver?: boolean
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** An event of a change of a user. */
export interface ChangeEvent extends NewEvent {
  /** With `user_erased`: the host's own id for the user, because the row of the user is gone when the event is delivered. */
  externalId?: string | null
}

/** Writes an event in the transaction of the change that it tells. */
export type WriteEvent = (tx: Kysely<UsersDatabase>, event: ChangeEvent) => Promise<void>

/** Where no events are kept. */
export const writeNoEvent: WriteEvent = async () => {}

/** Events in SQLite, PostgreSQL or MySQL. */
export interface SqlEventStore extends EventStore {
  /** Call it while the transaction holds the row of the user: then the ids of a user's events are in the order of the changes. */
  write: WriteEvent
}

/**
 * The earliest delivery of an event. By then the earlier events that are written in batches are in the table too, so that all are
 * delivered in the order of their time.
 */
export const DELIVERY_DELAY_MS = 2_000

/** The sizes of an INSERT in rows. Few statements, each built once, write a batch of any size: one of 75 rows takes five. */
const CHUNKS = [128, 32, 8, 2, 1] as const
const STORE = 'the store of events'
const ERASED = 'erased-'
const FORGOTTEN_AT_ONCE = 100

/** Events in the database of the users. */
export function createSqlEventStore({ db, deliver = false, now = Date.now }: SqlEventStoreOptions): SqlEventStore {
  const insert = prepareInserts(db)
  const findLast = prepare((p: { user_id: string }) =>
    db
      .selectFrom('weapp_auth_events')
      .select((eb) => eb.fn.max('id').as('id'))
      .where('user_id', '=', p.user_id),
  )
  const guarded = guardStore(STORE, (error) => (faultOf(error) === 'data' ? 'it holds what cannot be stored' : null))

  return {
    async write(tx, event) {
      const atMs = now()
      const [last] = event.userId ? await findLast(tx, { user_id: event.userId }) : []
      const id = last?.id ? createEventIdAfter(last.id, atMs) : createEventId(atMs)
      await insert(tx, [toRow({ ...event, id, atMs })])
    },

    queue: deliver ? createSqlEventQueue(db, guarded) : null,

    append: guarded((events) => insert(db, events.map(toRow))),

    list: guarded(async ({ userId, type, sinceMs, after, limit }) => {
      const rows = await db
        .selectFrom('weapp_auth_events')
        .selectAll()
        .$if(userId !== undefined, (query) => query.where('user_id', '=', checkText(userId as string)))
        .$if(type !== undefined, (query) => query.where('type', '=', type as string))
        .$if(sinceMs !== undefined, (query) =>
          // The time in an id may be later than the event's own, never earlier.
          query.where('id', '>=', firstEventId(sinceMs as number)).where('at', '>=', sinceMs as number),
        )
        .$if(after !== undefined, (query) => query.where('id', '<', checkText(after as string)))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(toEvent)
    }),

    deleteBefore: guarded(async (beforeMs, limit) => {
      const old = db.selectFrom('weapp_auth_events').select('id').where('id', '<', firstEventId(beforeMs))
      const ids = (await old.orderBy('id').limit(limit).execute()).map(({ id }) => id)
      if (ids.length > 0) await db.deleteFrom('weapp_auth_events').where('id', 'in', ids).execute()
      return ids.length
    }),

    forgetErased: guarded(async (beforeMs) => {
      const erased = db
        .selectFrom('weapp_auth_events as e')
        .leftJoin('weapp_auth_users as u', 'u.id', 'e.user_id')
        .select('e.user_id')
        .where('e.type', '=', 'user_erased' satisfies EventType)
        .where('e.user_id', 'not like', `${ERASED}%`)
        .where('e.at', '<', beforeMs)
        .where('u.id', 'is', null)
        .$if(deliver, (query) =>
          query.where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('weapp_auth_events as d')
                  .select('d.id')
                  .whereRef('d.user_id', '=', 'e.user_id')
                  .where('d.due_at', 'is not', null),
              ),
            ),
          ),
        )
      for (const { user_id } of await erased.limit(FORGOTTEN_AT_ONCE).execute()) await forget(user_id as string)
    }),
  }

  async function forget(userId: string): Promise<void> {
    // One id in all events of the user, so that they can still be told from those of other users.
    const id = `${ERASED}${randomBytes(14).toString('hex')}`
    await db.transaction().execute(async (tx) => {
      const events = tx.updateTable('weapp_auth_events')
      await events.set({ other_user_id: id }).where('other_user_id', '=', userId).execute()
      // The reason is a text that a person wrote, and it may hold anything.
      await events.set({ data: '{}' }).where('user_id', '=', userId).where('type', '=', 'user_disabled').execute()
      await events.set({ user_id: id, external_id: null }).where('user_id', '=', userId).execute()
    })
  }

  function toRow({ id, atMs, type, by, userId, otherUserId, data, externalId }: StampedEvent): NewRow {
    return {
      id,
      at: atMs,
      type,
      user_id: userId ?? null,
      other_user_id: otherUserId ?? null,
      caused_by: by,
      data: JSON.stringify(data ?? {}),
      external_id: externalId ?? null,
      due_at: deliver ? atMs + DELIVERY_DELAY_MS : null,
    }
  }
}

type StampedEvent = ChangeEvent & Pick<AuthEvent, 'id' | 'atMs'>
type NewRow = Omit<Insertable<EventsTable>, 'attempts' | 'given_up_at'>

function prepareInserts(db: Kysely<UsersDatabase>) {
  const statements = new Map<number, Statement<Record<string, unknown>, unknown>>()
  const statementOf = (size: number) => {
    const known = statements.get(size) ?? prepareInsert(db, size)
    statements.set(size, known)
    return known
  }
  return async (tx: Kysely<UsersDatabase>, rows: readonly NewRow[]): Promise<void> => {
    for (let from = 0; from < rows.length; ) {
      const size = CHUNKS.find((chunk) => chunk <= rows.length - from) ?? 1
      const values: Record<string, unknown> = {}
      rows.slice(from, from + size).forEach((row, index) => {
        for (const [column, value] of Object.entries(row)) values[`${column}${index}`] = value
      })
      await statementOf(size)(tx, values)
      from += size
    }
  }
}

/** An INSERT that takes the values of row 0 as `id0`, `at0` and so on. An event that is there already stays as it is. */
function prepareInsert(db: Kysely<UsersDatabase>, size: number): Statement<Record<string, unknown>, unknown> {
  const engine = engineOf(db)
  return prepare((p: Record<string, unknown>) => {
    const rows = Array.from({ length: size }, (_, index) => {
      const value = (column: keyof NewRow) => p[`${column}${index}`] as never
      return {
        id: value('id'),
        at: value('at'),
        type: value('type'),
        user_id: value('user_id'),
        other_user_id: value('other_user_id'),
        caused_by: value('caused_by'),
        data: value('data'),
        external_id: value('external_id'),
        due_at: value('due_at'),
        attempts: 0,
      }
    })
    return unlessThere(engine, db.insertInto('weapp_auth_events').values(rows), ['id'])
  })
}

import type { Selectable } from 'kysely'
import type { Actor } from '../actor.ts'
import type { EventsTable } from '../users/database.ts'
import type { AuthEvent, EventType } from './event.ts'

/** Reads an event out of its row. */
export function toEvent(row: Selectable<EventsTable>): AuthEvent {
  return {
    id: row.id,
    atMs: Number(row.at),
    type: row.type as EventType,
    by: row.caused_by as Actor,
    userId: row.user_id,
    otherUserId: row.other_user_id,
    data: JSON.parse(row.data),
  }
}

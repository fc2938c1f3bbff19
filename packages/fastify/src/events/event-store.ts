import type { AuthEvent, DeliveredEvent, EventType } from './event.ts'
import type { EventQueue } from './event-queue.ts'

/** Which events are asked for, and how many. */
export interface EventQuery {
  userId?: string
  type?: EventType
  /** No event that is older, in milliseconds since 1970. */
  sinceMs?: number
  /** The id of the last event of the page before. Absent: the first page. */
  after?: string
  /** The most events on this page. */
  limit: number
}

/**
 * Where events are kept. `createSqlEventStore` is ours, and has them in the database of the users, so that an event is written in
 * the transaction of the change that it tells.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer.
 */
export interface EventStore {
  /** Writes events that belong to no change of a user. An event whose id is there already is not written again. */
  append(events: readonly AuthEvent[]): Promise<void>
  /** Newest first. A page with fewer events than `limit` is the last one. */
  list(query: EventQuery): Promise<AuthEvent[]>
  /** Deletes events that are older than `beforeMs`, the oldest first, at most `limit` of them. Answers how many. */
  deleteBefore(beforeMs: number, limit: number): Promise<number>
  /**
   * Replaces the ids of erased users in all events by random ids that begin with `erased-`: of users whose erasure began before
   * `beforeMs` and has ended, and whose events were all delivered or given up. One call may do only some of the users.
   */
  forgetErased(beforeMs: number): Promise<void>
  /** The events that have to be delivered; null: nobody is told of events. */
  queue: EventQueue | null
}

/** The option `events`. */
export interface EventsOptions {
  /** `createSqlEventStore`, which `createSqlUserStore` and `createSqlPhoneStore` must be given too; or one of your own. */
  store: EventStore
  /** Events that are older are deleted. Default 90. */
  days?: number
  /**
   * Called with each event about 2 s after it happened: at least once, and for one user in the order of the events. When it throws
   * or rejects, it is called again after 1 s, then after twice as long each time, up to half an hour; after about a day the event
   * is given up. A repeated event has the same `id`. Several processes share the work. Needs a store that was made with
   * `deliver: true`.
   */
  onEvent?: (event: DeliveredEvent) => void | Promise<void>
}

import type { Actor } from '../actor.ts'

/** What is written down about users. */
export const EVENT_TYPES = [
  'sign_in',
  'sign_in_refused',
  'sign_out',
  'session_ended',
  'identity_linked',
  'identity_unlinked',
  'identity_conflict',
  'external_id_conflict',
  'phone_bound',
  'phone_moved',
  'phone_unbound',
  'profile_changed',
  'user_disabled',
  'user_enabled',
  'user_merged',
  'user_erased',
  'imported',
  'wechat_pushed',
] as const

/** The name of one kind of event. */
export type EventType = (typeof EVENT_TYPES)[number]

/**
 * What else an event says, by the names that `docs/events.md` lists. Never a token, an openid, a unionid, a phone number, an
 * address or a value of the profile. At most 1 000 bytes as JSON.
 */
export type EventData = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

/** Something that happened, as it is handed in to be written. */
export interface NewEvent {
  type: EventType
  by: Actor
  /** Absent or null: it is about no user, or about nobody known. */
  userId?: string | null
  /** The other user of a conflict, a merge or a phone number that moved. */
  otherUserId?: string | null
  data?: EventData
}

/** Something that happened to a user. */
export interface AuthEvent {
  /** UUIDv7: of two events of one user the later one has the greater id. */
  id: string
  atMs: number
  type: EventType
  by: Actor
  /** Begins with `erased-` where the user was erased: a random id in place of the user's. */
  userId: string | null
  otherUserId: string | null
  data: EventData
}

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
  /** Writes events that belong to no change of a user. One that is there already, by its id, is not written again. */
  append(events: readonly AuthEvent[]): Promise<void>
  /** Newest first. A page with fewer events than `limit` is the last one. */
  list(query: EventQuery): Promise<AuthEvent[]>
  /** Deletes events that are older than `beforeMs`, the oldest first, at most `limit` of them. Answers how many. */
  deleteBefore(beforeMs: number, limit: number): Promise<number>
  /**
   * Puts a random id, which begins with `erased-`, in the place of each user whose erasure began before `beforeMs` and has ended,
   * and of whom nothing has to be delivered any more. One call does a part of many.
   */
  forgetErased(beforeMs: number): Promise<void>
}

/** The option `events`. */
export interface EventsOptions {
  /** `createSqlEventStore`, which `createSqlUserStore` and `createSqlPhoneStore` must be given too; or one of your own. */
  store: EventStore
  /** Events that are older are deleted. Default 90. */
  days?: number
}

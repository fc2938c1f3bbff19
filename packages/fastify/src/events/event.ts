import type { Actor } from '../actor.ts'

/** The kinds of events. */
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
 * What else an event says, under the names that `docs/hooks.md` lists. Never a token, an openid, a unionid, a phone number, an
 * address or a value of the profile. At most 1 000 bytes as JSON.
 */
export type EventData = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

/** Something that happened, as it is handed in to be written. */
export interface NewEvent {
  type: EventType
  by: Actor
  /** Absent or null: the event is about no user, or about nobody whom the service knows. */
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
  /** The id of the user; of an erased user a random id that begins with `erased-`. Null: about no user. */
  userId: string | null
  otherUserId: string | null
  data: EventData
}

/** An event as `onEvent` gets it. */
export interface DeliveredEvent extends AuthEvent {
  /** The host's own id for the user, also when the user was erased since; null: there is none. */
  externalId: string | null
}

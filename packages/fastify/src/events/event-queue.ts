import type { AuthEvent, DeliveredEvent } from './event.ts'

/** An event that this process alone delivers until `heldUntilMs`. */
export interface HeldEvent extends DeliveredEvent {
  /** How often it was tried, this time counted. */
  attempts: number
  heldUntilMs: number
}

/** What a caller has to know about an event that it holds. */
export type Held = Pick<HeldEvent, 'id' | 'userId' | 'heldUntilMs'>

/** An event that nobody tries to deliver any more. */
export interface GivenUpEvent extends AuthEvent {
  attempts: number
  givenUpAtMs: number
}

/** How many events have not been delivered. Of each kind 10 000 at most are counted. */
export interface QueueState {
  /** They wait for delivery, or are being delivered. */
  undelivered: number
  /** When the oldest of them happened, in milliseconds since 1970. Null: none waits. */
  oldestAtMs: number | null
  /** Nobody tries to deliver them any more. */
  givenUp: number
}

/**
 * The events that have not been delivered. Each is delivered at least once, and after the earlier events of the same user. Several
 * processes share the work: a process holds an event until a time, so that the events of a killed process become due again.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer.
 */
export interface EventQueue {
  /** Takes events that are due, of each user the first one only. This process holds them until `nowMs + holdMs`. */
  take(o: { nowMs: number; holdMs: number; limit: number }): Promise<HeldEvent[]>
  /** Holds an event for longer. False: another process has taken it. */
  extend(held: Held, untilMs: number): Promise<boolean>
  /** Says that an event was delivered. */
  settle(held: Held): Promise<void>
  /** Says at `nowMs` that an event was not delivered: it is due again at `atMs`, and later events of its user wait for it. */
  retry(held: Held, o: { nowMs: number; atMs: number }): Promise<void>
  /** Says that an event is tried no more. Later events of its user do not wait for it any longer. */
  giveUp(held: Held, nowMs: number): Promise<void>
  /**
   * Makes events due at `nowMs` that would have to wait for longer than any event does: a clock that was ahead has written their
   * time, and they and the later events of their users would be delivered only when that time has come.
   */
  bringForward(nowMs: number): Promise<void>
  /** In the order of their ids. `after`: the last id of the page before. */
  listGivenUp(page: { after: string | null; limit: number }): Promise<GivenUpEvent[]>
  /** Events that were given up are due again. Answers how many. */
  resend(ids: readonly string[], nowMs: number): Promise<number>
  /** How many there are. It costs the same however many there are. */
  inspect(): Promise<QueueState>
}

import type { DeliveredEvent } from './event.ts'
import type { EventQueue, Held, HeldEvent } from './event-queue.ts'

/** Looks for events that are due this often. */
const LOOK_EVERY_MS = 1_000
/** How long after a failure to read the store is asked again. */
const LOOK_AGAIN_MS = 5_000
/**
 * Events that are delivered at the same time, each of another user. While the table is locked, each of them keeps one connection to
 * the database waiting; with so few, sign-ins still find one.
 */
const PARALLEL = 4
/** How long a process holds an event. When the process is killed, another one delivers the event after this time. */
const HOLD_MS = 30_000
/** How long after the first failure an event is tried again; then twice as long each time, up to {@link MAX_RETRY_MS}. */
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 30 * 60_000
/** 12 tries in the first 34 minutes, then one every half an hour: about a day. */
const MAX_ATTEMPTS = 58
/** After so many failures in a row the receiver counts as away: one event at a time is tried, less and less often. */
const FAILURES_IN_A_ROW = 5
const MAX_PAUSE_MS = 30_000
/** How long a stop waits for what is being delivered. */
const STOP_MS = 2_000
/** At most one line of the log in this time says that events were not delivered. */
const TELL_EVERY_MS = 1_000

/** What {@link startOutbox} is made of. */
export interface OutboxDeps {
  queue: EventQueue
  /** Called with each event at least once. When it throws or rejects, it is called again later. */
  onEvent: (event: DeliveredEvent) => void | Promise<void>
  /** Milliseconds since 1970. */
  now: () => number
  warn: (fields: object, message: string) => void
  /** Says that the store is away, unless the log has said so in this second already. */
  warnAway: (reason: string, message: string) => void
}

/**
 * Delivers events: those of one user in their order, those of several users at the same time.
 *
 * @returns a function that stops the delivery; another process may deliver once more what is under way then
 */
export function startOutbox({ queue, onEvent, now, warn, warnAway }: OutboxDeps): () => Promise<void> {
  const busy = new Set<Promise<void>>()
  let isStopped = false
  let failuresInARow = 0
  /** Ends the pause of the loop; does nothing while there is no pause. */
  let wake = () => {}
  let toldAtMs = Number.NEGATIVE_INFINITY
  let untold = 0
  const running = run()

  return async () => {
    isStopped = true
    wake()
    await running
    await Promise.race([Promise.all(busy), new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())])
  }

  async function run(): Promise<void> {
    let isStoreAway = false
    while (!isStopped) {
      const free = (isFailing() ? 1 : PARALLEL) - busy.size
      try {
        const taken = free > 0 ? await queue.take({ nowMs: now(), holdMs: HOLD_MS, limit: free }) : []
        for (const event of taken) deliver(event)
        isStoreAway = false
        if (isFailing()) await pause(Math.min(MAX_PAUSE_MS, 1_000 * 2 ** (failuresInARow - FAILURES_IN_A_ROW)))
        else if (taken.length < free || free <= 0) await pause(LOOK_EVERY_MS)
      } catch (error) {
        if (!isStoreAway) warnAway(reasonOf(error), 'events to deliver cannot be read, trying again')
        isStoreAway = true
        await pause(LOOK_AGAIN_MS)
      }
    }
  }

  function isFailing(): boolean {
    return failuresInARow >= FAILURES_IN_A_ROW
  }

  function deliver(event: HeldEvent): void {
    const delivery = deliverOne(event)
      .catch((error) =>
        tell({ reason: reasonOf(error) }, 'it was not noted how a delivery ended: it is made once more'),
      )
      .finally(() => {
        busy.delete(delivery)
        // The next event of the same user may be due.
        if (!isFailing()) wake()
      })
    busy.add(delivery)
  }

  async function deliverOne({ attempts, heldUntilMs, ...event }: HeldEvent): Promise<void> {
    const held = { id: event.id, userId: event.userId, heldUntilMs }
    const stopHolding = keepHolding(held)
    let failure: unknown
    const isDelivered = await Promise.resolve(event)
      .then(onEvent)
      .then(() => true)
      .catch((error) => {
        failure = error
        return false
      })
    failuresInARow = isDelivered ? 0 : failuresInARow + 1
    await stopHolding()
    if (isDelivered) return queue.settle(held)

    const fields = { eventId: event.id, type: event.type, attempts, reason: reasonOf(failure) }
    if (attempts >= MAX_ATTEMPTS) {
      warn(fields, 'an event could not be delivered for about a day and was given up: resendEvents sends it again')
      return queue.giveUp(held, now())
    }
    tell(fields, 'an event was not delivered, and is tried again')
    const nowMs = now()
    await queue.retry(held, { nowMs, atMs: nowMs + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1)) })
  }

  /** Keeps others from taking an event whose delivery takes long. */
  function keepHolding(held: Held): () => Promise<void> {
    let extending: Promise<void> = Promise.resolve()
    const timer = setInterval(() => {
      const untilMs = now() + HOLD_MS
      extending = queue.extend(held, untilMs).then(
        (isHeld) => {
          if (isHeld) held.heldUntilMs = untilMs
        },
        // The store is away. The next round comes before the hold ends.
        () => {},
      )
    }, HOLD_MS / 3).unref()
    return async () => {
      clearInterval(timer)
      await extending
    }
  }

  /** One line a second, because many events fail at a time while the receiver is away. */
  function tell(fields: object, message: string): void {
    if (performance.now() < toldAtMs + TELL_EVERY_MS) {
      untold++
      return
    }
    warn({ ...fields, ...(untold > 0 && { sinceLastLine: untold }) }, message)
    toldAtMs = performance.now()
    untold = 0
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (isStopped) return resolve()
      const timer = setTimeout(resolve, ms).unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

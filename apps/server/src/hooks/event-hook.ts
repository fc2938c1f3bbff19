import { ApiError, type DeliveredEvent, observeCall } from '@weapp-auth/fastify'
import { createSignedPost } from './signed-post.ts'

/** Long enough for a program that writes to a database of its own before it answers. */
const TIMEOUT_MS = 10_000

/** Tells a program of the team what happened to users. */
export interface EventHook {
  /** @throws Error when the program did not take the event */
  onEvent(event: DeliveredEvent): Promise<void>
  /** Closes the connections that are kept. */
  close(): Promise<void>
}

/** `onEvent` for other languages: with 2xx the program has taken the event; after anything else it is sent again later. */
export function openEventHook(about: { url: string; secret: string }): EventHook {
  const post = createSignedPost({ ...about, timeoutMs: TIMEOUT_MS })
  return {
    onEvent: (event) => observeCall({ target: 'hook', operation: 'event' }, () => tell(event)),
    close: () => post.close(),
  }

  async function tell({ atMs, ...event }: DeliveredEvent): Promise<void> {
    const told = { ...event, at: new Date(atMs).toISOString() }
    const { status } = await post.send(told).catch((error: Error) => {
      throw new ApiError('hook_unavailable', error.message)
    })
    if (status > 299) throw new ApiError('hook_unavailable', `EVENTS_URL answered ${status}`)
  }
}

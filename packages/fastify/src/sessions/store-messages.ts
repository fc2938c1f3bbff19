/**
 * What the processes that share a session store tell each other. Nothing is queued or repeated: a process that cannot hear for
 * a moment misses what is said then.
 */
export interface StoreMessages {
  /** Whether every message arrives at this moment. */
  isHeard(): boolean
  /** Adds a listener. The first one opens whatever the messages come through. */
  listen(listener: StoreListener): void
  /**
   * Sends `text` to the listeners of all other processes.
   *
   * @throws ApiError `store_unavailable`
   */
  send(text: string): Promise<void>
}

/** Who is told. */
export interface StoreListener {
  /** These sessions ended, in this process or in another. A session may be told twice. */
  onEnded(ids: readonly string[]): void
  /** These sessions got another externalId. */
  onChanged?(ids: readonly string[]): void
  /** From now on messages may be missed, until `onHeard`. */
  onLost?(): void
  /** From now on messages are heard. The first call comes when listening has begun. */
  onHeard?(): void
  /** What another process sent. */
  onText?(text: string): void
}

/** Messages of a store that serves one process: only its own sessions can end. */
export interface LocalMessages extends StoreMessages {
  tellEnded(ids: readonly string[]): void
}

/** Makes {@link LocalMessages}. */
export function createLocalMessages(): LocalMessages {
  const listeners = new Set<StoreListener>()
  return {
    isHeard: () => true,
    listen: (listener) => void listeners.add(listener),
    async send() {},
    tellEnded(ids) {
      for (const listener of listeners) listener.onEnded(ids)
    },
  }
}

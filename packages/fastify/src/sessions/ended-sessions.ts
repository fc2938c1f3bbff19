/** Tells which sessions end, whichever process ends them. */
export interface EndedSessions {
  /** Whether no message can be missed just now. */
  isHeard(): boolean
  listen(listener: EndedSessionsListener): void
  close(): void
}

/** Who is told of ended sessions. */
export interface EndedSessionsListener {
  onEnded(ids: readonly string[]): void
  /** From here on messages are missed, until `isHeard` says otherwise. */
  onLost(): void
}

/**
 * How long it is known which users were erased. Somebody who restores an older backup has to know it by other means. Long enough
 * for backups that are kept for half a year, and no list for ever of people who asked to be forgotten.
 */
export const ERASED_KNOWN_MS = 180 * 86_400_000

/** A user who was erased. The id tells nothing about anybody any more, except to a backup. */
export interface ErasedUser {
  userId: string
  /** When the erasure was noted last, in milliseconds since 1970. */
  atMs: number
}

/**
 * What a session store knows for the day on which the database of the users is restored from a backup, in which erased users are
 * still there, and users who came later are not.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer.
 */
export interface RestoreSupport {
  /** Notes that a user is erased, for {@link ERASED_KNOWN_MS}. One who is noted already is noted anew. */
  noteErased(userId: string, nowMs: number): Promise<void>
  /**
   * The newest first. A page with fewer users than `limit` is the last one. Whoever is noted while pages are read may stand on two
   * of them, and nobody is left out.
   */
  listErased(page: { skip: number; limit: number }): Promise<ErasedUser[]>
  /** Removes all sessions of everybody, as if they had never been: a phone signs in again silently. */
  endAll(): Promise<void>
}

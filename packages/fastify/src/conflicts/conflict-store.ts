import type { Actor } from '../actor.ts'

/** Two users who have one unionid, so that WeChat takes them for one person. */
export interface UserConflict {
  userId: string
  /** The user to whom the unionid belongs. */
  otherUserId: string
  /** When it was found, in milliseconds since 1970. */
  createdAtMs: number
}

/** A page of conflicts. */
export interface ConflictPage {
  /** The last conflict of the page before; null: the first page. */
  after: Pick<UserConflict, 'userId' | 'otherUserId'> | null
  /** The most conflicts on this page. */
  limit: number
}

/** Which user stays when two are made one, and which one goes. */
export interface Merge {
  keep: string
  drop: string
}

/** How a merge ended. */
export type MergeResult =
  | { merged: true }
  /**
   * Nothing was changed. `identities`: both have an identity in one mini-program. `external_ids`: both have an externalId.
   * `disabled`: one of them is disabled, and a merge must not undo that.
   */
  | { merged: false; reason: 'identities' | 'external_ids' | 'disabled' }

/**
 * Where conflicts are kept, and users are merged by the decision of a person. `createSqlUserStore` has it.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer.
 */
export interface ConflictStore {
  /** In the order of their users' ids, each pair once. */
  listConflicts(page: ConflictPage): Promise<UserConflict[]>
  /**
   * Gives one user the identities, the unionids, the externalId and, where they have none, the phone number of the other one, who
   * is marked as being erased by that. The profile of the user who stays is kept. Null: there is no conflict between these two.
   */
  mergeUsers(merge: Merge, nowMs: number, by?: Actor): Promise<MergeResult | null>
}

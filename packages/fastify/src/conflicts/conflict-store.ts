import type { Actor } from '../actor.ts'

/** Two users who have one unionid, so that WeChat takes them for one person. */
export interface UserConflict {
  userId: string
  /** The user who has the unionid, because that one had it first. */
  otherUserId: string
  /** When the conflict was found, in milliseconds since 1970. */
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
   * Nothing was changed. `identities`: both have an identity in the same mini-program. `external_ids`: both have an externalId.
   * `disabled`: one of them is disabled, and a merge must not let that person sign in again.
   */
  | { merged: false; reason: 'identities' | 'external_ids' | 'disabled' }

/**
 * Where conflicts are kept, and where two users are merged when a person has decided so. `createSqlUserStore` has it.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer.
 */
export interface ConflictStore {
  /** In the order of their users' ids, each pair once. */
  listConflicts(page: ConflictPage): Promise<UserConflict[]>
  /**
   * Gives the user `keep` the identities, the unionids and the externalId of the user `drop`, and the phone number where `keep` has
   * none. The profile of `keep` stays. `drop` is marked as being erased. Null: there is no conflict between these two.
   */
  mergeUsers(merge: Merge, nowMs: number, by?: Actor): Promise<MergeResult | null>
}

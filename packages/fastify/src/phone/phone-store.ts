import type { Actor } from '../actor.ts'
import type { PhoneNumber } from '../phone-number.ts'
import type { WechatIdentity } from '../wechat-identity.ts'

/** The phone number of a user. */
export interface KeptPhone extends PhoneNumber {
  /** Whether the user proved it here. False: the host application or an import said so. */
  isProven: boolean
}

/** Who has a phone number. */
export interface PhoneHolder {
  userId: string
  isProven: boolean
}

/** What a proof has changed. */
export interface PhoneProof {
  /** The user who had the number until now and has no number any more. Null: no other user had it. */
  movedFrom: PhoneHolder | null
}

/** What became of a number that the host application gave to a user. */
export type GivePhoneResult =
  | { given: true }
  /** Another user has the number. */
  | { given: false; reason: 'taken'; userId: string }
  /** The user has proved another number, which stays. */
  | { given: false; reason: 'proven' }

/**
 * Where phone numbers are kept: one for each user, and one user for each number. `createSqlPhoneStore` is ours.
 *
 * Every method rejects with `ApiError('store_unavailable')` when the store does not answer. A user who is gone, or is being
 * erased, has no number and gets none. `by` says who causes a change, for a store that writes an event with it; default `host`.
 */
export interface PhoneStore {
  /** Keeps a number that a user has proved. Another user who had it has none any more. Null: there is no such user. */
  prove(userId: string, phone: PhoneNumber, nowMs: number, by?: Actor): Promise<PhoneProof | null>
  /** Keeps a number that the host application gives to a user. Null: there is no such user. */
  give(userId: string, phone: PhoneNumber, nowMs: number, by?: Actor): Promise<GivePhoneResult | null>
  /** Null: the user has none, or it was sealed with a key that is not in the ring any more. */
  find(userId: string): Promise<KeptPhone | null>
  findHolder(phone: PhoneNumber): Promise<PhoneHolder | null>
  remove(userId: string, by?: Actor): Promise<void>
  /**
   * Links an identity that no user has to the user who was given this number, if that user has proved none and has no identity
   * yet. Resolves with the id of that user. Null: nothing was linked, because there is no such user, or the user is disabled, or
   * the identity or its unionid belongs to a user.
   */
  linkHolder(
    phone: PhoneNumber,
    appid: string,
    identity: WechatIdentity,
    nowMs: number,
    by?: Actor,
  ): Promise<string | null>
}

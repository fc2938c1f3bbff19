/**
 * The tables of {@link createSqlUserStore}, the same in every engine. Times are milliseconds since 1970.
 *
 * All names begin with `weapp_auth_`, so that the tables can stand in a database that has tables of its own.
 */
export interface UsersDatabase {
  weapp_auth_users: UsersTable
  weapp_auth_identities: IdentitiesTable
  weapp_auth_unionids: UnionidsTable
  weapp_auth_conflicts: ConflictsTable
  weapp_auth_keys: KeysTable
  weapp_auth_store: StoreTable
  weapp_auth_phones: PhonesTable
  weapp_auth_phone_key: PhoneKeyTable
  weapp_auth_events: EventsTable
}

/** One user, with the profile they filled in. */
export interface UsersTable {
  /** UUID. */
  id: string
  /** `pg` gives an int8 as a string, the other drivers as a number. */
  created_at: number | string
  nickname: string
  avatar_url: string
  gender: number
  country: string
  province: string
  city: string
  language: string
  /** The host's own id for this user, unique; null: none was given. */
  external_id: string | null
  /** When the user was disabled last; null: the user is not disabled. */
  disabled_at: number | string | null
  /** From when on the user counts as enabled again; null: not by time. */
  disabled_until: number | string | null
  /** For operators, never shown to the user. */
  disabled_reason: string | null
  /** When the erasure of this user began; null: none has. Nobody but the erasure reads such a user. */
  erasing_at: number | string | null
}

/** One WeChat user in one mini-program. */
export interface IdentitiesTable {
  appid: string
  /** MySQL compares identifiers byte by byte only in binary columns, which its driver gives as a Buffer. */
  openid: string | Buffer
  user_id: string
  unionid: string | Buffer | null
  /** Sealed by the vault; empty for an identity that was imported and has not signed in. */
  session_key: string
  /** Tells whether WeChat rotated the session_key, without opening it. */
  session_key_fingerprint: string
  /** The session_key before the last rotation: data that was encrypted just before it still has to open. */
  previous_session_key: string | null
  created_at: number | string
  updated_at: number | string
}

/** Which user a unionid belongs to, in all mini-programs of one Open Platform account. */
export interface UnionidsTable {
  unionid: string | Buffer
  user_id: string
}

/** Two users who have one unionid, found when both existed already. For the operator to decide. */
export interface ConflictsTable {
  user_id: string
  /** The user to whom the unionid belongs. */
  other_user_id: string
  unionid: string | Buffer
  created_at: number | string
}

/** The keys that sealed something in this database. */
export interface KeysTable {
  kid: string
  /** Derived from the key, and tells nothing about it. */
  fingerprint: string
  created_at: number | string
}

/** One row: whether these are users of the real WeChat or of an emulated one. */
export interface StoreTable {
  id: number
  /** A {@link World}. */
  world: string
}

/** The phone number of a user. */
export interface PhonesTable {
  user_id: string
  /** By which the number is found: see `phone/phone-digests.ts`. */
  digest: string
  /** Sealed by the vault. */
  sealed_number: string
  /** Null: the host application or an import said so. */
  proven_at: number | string | null
  created_at: number | string
}

/** One row: the key of the digests. */
export interface PhoneKeyTable {
  id: number
  /** Sealed by the vault. */
  sealed_key: string
}

/** Something that happened, see `events/event.ts`. */
export interface EventsTable {
  /** UUIDv7. */
  id: string
  at: number | string
  /** An `EventType`. */
  type: string
  /** Null: about no user. Begins with `erased-` where the user was erased. */
  user_id: string | null
  other_user_id: string | null
  /** An `Actor`. */
  caused_by: string
  /** JSON. */
  data: string
  /** What the user's externalId was when the erasure began; of `user_erased` alone. */
  external_id: string | null
  /** When the next attempt to deliver is due; null: it was delivered or given up, or nobody wants it. */
  due_at: number | string | null
  /** How often somebody has begun to deliver it. */
  attempts: number
  /** When it was given up; null: it was not. */
  given_up_at: number | string | null
}

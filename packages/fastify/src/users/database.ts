/** The tables of {@link createSqlUserStore}, the same in every engine. Times are milliseconds since 1970. */
export interface UsersDatabase {
  users: UsersTable
  identities: IdentitiesTable
  unionids: UnionidsTable
  identity_conflicts: IdentityConflictsTable
}

export interface UsersTable {
  /** UUID. */
  id: string
  /** `pg` hands out int8 as a string; SQLite as a number. */
  created_at: number | string
  nickname: string
  avatar_url: string
  gender: number
  country: string
  province: string
  city: string
  language: string
}

/** One WeChat user in one mini-program. */
export interface IdentitiesTable {
  appid: string
  openid: string
  user_id: string
  unionid: string | null
  /** Sealed by the vault. */
  session_key: string
  /** Tells a rotated session_key from the same one sealed again. */
  session_key_fingerprint: string
  /** The one before: data encrypted just before a rotation still has to open. */
  previous_session_key: string | null
  created_at: number | string
  updated_at: number | string
}

/** Whose a unionid is: one user's, in all mini-programs of one Open Platform account. */
export interface UnionidsTable {
  unionid: string
  user_id: string
}

/** Two users whom WeChat says to be one person, found when it was too late to make them one. For the operator. */
export interface IdentityConflictsTable {
  user_id: string
  /** Whose the unionid is. */
  other_user_id: string
  unionid: string
  created_at: number | string
}

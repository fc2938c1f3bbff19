import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import type { Actor } from '../actor.ts'
import type { WriteEvent } from '../events/sql-events.ts'
import type { WechatIdentity } from '../wechat-identity.ts'
import type { UsersDatabase } from './database.ts'
import { EMPTY_PROFILE } from './profile.ts'
import type { SessionKeyVault } from './session-key-vault.ts'
import { COMPARED_KEYS, type Key, type Statements, type UserRow } from './sql-statements.ts'
import type { LinkResult } from './users.ts'

type Tx = Transaction<UsersDatabase>

/** Two users who have one unionid, so that WeChat takes them for one person. They stay two, and the operator decides. */
export interface IdentityConflict {
  userId: string
  /** The user to whom the unionid belongs. */
  otherUserId: string
}

/** An identity that WeChat vouches for at this moment. */
export interface Proven extends WechatIdentity {
  appid: string
  nowMs: number
}

/** What a sign-in found or made. */
export interface SignedIn {
  row: UserRow
  isNew: boolean
  /** Found now, and not recorded before. */
  conflict: IdentityConflict | null
  /** False: nothing had to be written, so that nothing is known about whether the database takes writes. */
  wrote: boolean
}

/** What `link` found or made. */
export interface Linked {
  /** Null: there is no such user. */
  result: LinkResult | null
  conflict: IdentityConflict | null
}

/** The part of the user store that writes identities. */
export interface SqlIdentities {
  /** The user of an identity of which nothing but the session_key may be new. Null when more has to be decided. */
  signInKnown(identity: Proven): Promise<SignedIn | null>
  /** Any other sign-in: the identity, its unionid or its user may be new. */
  signIn(identity: Proven): Promise<SignedIn>
  link(userId: string, identity: Proven, by: Actor): Promise<Linked>
  /** The same as a part of a transaction, which has to be rolled back when the result is a conflict that must not stay. */
  linkIn(tx: Tx, userId: string, identity: Proven, by: Actor): Promise<Linked>
}

/** How identities come into the database. */
export function createSqlIdentities(o: {
  db: Kysely<UsersDatabase>
  statements: Statements
  vault: SessionKeyVault
  writeEvent: WriteEvent
}): SqlIdentities {
  const { db, statements, vault, writeEvent } = o
  const sealed = new WeakMap<Proven, Key>()

  return {
    async signInKnown(identity) {
      const { appid, openid, unionid } = identity
      if (statements.signInKnown) {
        const [row] = await statements.signInKnown(db, { appid, openid, unionid, ...keyOf(identity) })
        return row ? { row, isNew: false, conflict: null, wrote: true } : null
      }
      const [row] = await statements.findKnown(db, { appid, openid })
      if (!row || (unionid !== null && textOf(row.unionid) !== unionid)) return null
      const [fingerprint] = vault.fingerprints(identity.sessionKey, identity)
      const isNewKey = fingerprint !== row.session_key_fingerprint
      if (isNewKey) await statements.replaceKey(db, { appid, openid, ...keyOf(identity) })
      return { row, isNew: false, conflict: null, wrote: isNewKey }
    },

    async signIn(identity) {
      const candidate = newUserRow(identity.nowMs)
      const { appid, openid, unionid } = identity
      const values = { appid, openid, unionid, user_id: candidate.id, ...keyOf(identity) }
      const [made] = (await statements.signInNew?.(db, values)) ?? []
      if (made) return { row: candidate, isNew: true, conflict: null, wrote: true }
      return db.transaction().execute(async (tx) => {
        await statements.insertUser(tx, { id: candidate.id, now: identity.nowMs })
        const saved = await insertOrHold(tx, candidate.id, identity)
        if (saved.userId !== candidate.id) await update(tx, identity, saved)
        const { userId, conflict } = await followUnionid(tx, identity, saved, candidate.id)
        await tell(tx, { userId, isLinked: saved.userId === candidate.id && userId !== candidate.id, conflict }, appid)
        if (userId === candidate.id) return { row: candidate, isNew: true, conflict, wrote: true }
        await statements.deleteUser(tx, { id: candidate.id })
        const row = await statements.findUser(tx, { id: userId })
        return { row: one(row), isNew: false, conflict, wrote: true }
      })
    },

    link: (userId, identity, by) => db.transaction().execute((tx) => linkIn(tx, userId, identity, by)),

    linkIn,
  }

  async function linkIn(tx: Tx, userId: string, identity: Proven, by: Actor): Promise<Linked> {
    const { appid, openid } = identity
    // Of two links for one user at the same time, the second sees what the first did.
    const [held] = await statements.holdUser(tx, { id: userId })
    if (!held || held.erasing_at !== null) return { result: null, conflict: null }
    const [own] = await statements.findIdentity(tx, { user_id: userId, appid })
    if (own && textOf(own.openid) !== openid) return refused({ linked: false, reason: 'occupied' })
    const saved = await insertOrHold(tx, userId, identity)
    if (saved.userId !== userId) return refused({ linked: false, reason: 'taken', userId: saved.userId })
    if (own) await update(tx, identity, saved)
    const { conflict } = await followUnionid(tx, identity, saved, null)
    await tell(tx, { userId, isLinked: !own, conflict, by }, appid)
    const unionid = identity.unionid ?? saved.unionid
    return { result: { linked: true, identity: { openid, unionid } }, conflict }
  }

  /** Writes down what was new, in the transaction that did it. */
  async function tell(
    tx: Tx,
    o: { userId: string; isLinked: boolean; conflict: IdentityConflict | null; by?: Actor },
    appid: string,
  ): Promise<void> {
    const { userId, isLinked, conflict, by = 'user' } = o
    if (isLinked) await writeEvent(tx, { type: 'identity_linked', by, userId, data: { appid } })
    if (!conflict) return
    await writeEvent(tx, { type: 'identity_conflict', by, ...conflict, data: { appid } })
  }

  /** Sealed once, however many statements a sign-in takes. */
  function keyOf(identity: Proven): Key {
    const key = sealed.get(identity) ?? sealKey(vault, identity)
    sealed.set(identity, key)
    return key
  }

  /** Inserts an identity for a user unless it is somebody's already, and answers what is there. */
  async function insertOrHold(tx: Tx, userId: string, identity: Proven): Promise<SavedIdentity> {
    const { appid, openid, unionid } = identity
    const values = { appid, openid, unionid, user_id: userId, ...keyOf(identity) }
    const row = one(await statements.insertOrHoldIdentity(tx, values))
    return { userId: row.user_id, unionid: textOf(row.unionid) }
  }

  /** Takes what is new about an identity that was there. */
  async function update(tx: Tx, identity: Proven, saved: SavedIdentity): Promise<void> {
    const { appid, openid, unionid } = identity
    await statements.replaceKey(tx, { appid, openid, ...keyOf(identity) })
    if (unionid !== null && unionid !== saved.unionid) await statements.learnUnionid(tx, { appid, openid, unionid })
  }

  /**
   * Whose an identity is once its unionid has been looked at: somebody who is new in this mini-program may be known from
   * another one.
   *
   * @param candidateId the user who would be new; null when the identity must stay with its user
   */
  async function followUnionid(
    tx: Tx,
    { appid, openid, ...identity }: Proven,
    saved: SavedIdentity,
    candidateId: string | null,
  ): Promise<{ userId: string; conflict: IdentityConflict | null }> {
    const { userId } = saved
    const unionid = identity.unionid ?? saved.unionid
    if (unionid === null) return { userId, conflict: null }
    const { user_id: holderId } = one(await statements.insertOrHoldUnionid(tx, { unionid, user_id: userId }))
    if (holderId === userId) return { userId, conflict: null }
    if (userId === candidateId) {
      const [occupied] = await statements.findIdentity(tx, { user_id: holderId, appid })
      if (!occupied) {
        await statements.moveIdentity(tx, { appid, openid, user_id: holderId })
        return { userId: holderId, conflict: null }
      }
    }
    const conflict = { user_id: userId, other_user_id: holderId, unionid }
    const [known] = await statements.findConflict(tx, conflict)
    if (known) return { userId, conflict: null }
    await statements.insertConflict(tx, { ...conflict, now: identity.nowMs })
    return { userId, conflict: { userId, otherUserId: holderId } }
  }
}

interface SavedIdentity {
  userId: string
  unionid: string | null
}

/** A session_key as the statements take it. */
export function sealKey(
  vault: SessionKeyVault,
  { appid, openid, sessionKey, nowMs }: Pick<Proven, 'appid' | 'openid' | 'sessionKey' | 'nowMs'>,
): Key {
  const owner = { appid, openid }
  const key: Key = { session_key: vault.seal(sessionKey, owner), now: nowMs }
  const fingerprints = vault.fingerprints(sessionKey, owner)
  for (let index = 0; index < COMPARED_KEYS; index++)
    key[`fingerprint${index}`] = fingerprints[index] ?? fingerprints[0]
  return key
}

/** The row of a user who has just been inserted. */
export function newUserRow(nowMs: number): UserRow {
  const { avatarUrl, ...others } = EMPTY_PROFILE
  return {
    id: randomUUID(),
    created_at: nowMs,
    avatar_url: avatarUrl,
    ...others,
    external_id: null,
    disabled_at: null,
    disabled_until: null,
    disabled_reason: null,
    erasing_at: null,
  }
}

/** An identifier out of a binary column of MySQL, or out of a text column of the others. */
export function textOf(value: string | Buffer | null): string | null {
  return value === null ? null : value.toString()
}

function refused(result: LinkResult): Linked {
  return { result, conflict: null }
}

function one<R>([row]: R[]): R {
  if (row === undefined) throw new Error('a row was neither inserted nor found')
  return row
}

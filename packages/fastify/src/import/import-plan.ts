import { randomUUID } from 'node:crypto'
import { type ImportedUser, RefusedLineError } from './import-line.ts'

/** A user as an import sees it. */
export interface KnownUser {
  id: string
  externalId: string | null
  nickname: string
  avatarUrl: string
  isErasing: boolean
  /** By appid. */
  identities: Map<string, { openid: string; unionid: string | null }>
  /** Of the phone number; null: there is none. */
  phoneDigest: string | null
}

/** The users whom some lines may be about, found by each thing that can name one. */
export interface KnownUsers {
  byExternalId: Map<string, KnownUser>
  /** By {@link identityKey}. */
  byIdentity: Map<string, KnownUser>
  byUnionid: Map<string, KnownUser>
  byPhoneDigest: Map<string, KnownUser>
}

/** A line that was read, with the digest by which its phone number is found. */
export type DigestedUser = ImportedUser & { phoneDigest: string | null }

/** What is written for some lines. New rows of one kind are one statement; each changed row is one of its own. */
export interface ImportWrites {
  users: { id: string; externalId: string | null; nickname: string; avatarUrl: string; createdAtMs: number }[]
  identities: { appid: string; openid: string; userId: string; unionid: string | null }[]
  unionids: { unionid: string; userId: string }[]
  phones: { userId: string; line: DigestedUser }[]
  /** Fields that were empty, with what the line says. */
  filled: { userId: string; field: 'externalId' | 'nickname' | 'avatarUrl'; value: string }[]
  /** Unionids of identities that had none. */
  learned: { appid: string; openid: string; unionid: string }[]
}

/** What became of a line. */
export type ImportOutcome =
  /** `made`: a new user. `filled`: a user who was there got something. `done`: all of it was there. */
  'made' | 'filled' | 'done' | { refused: string }

/** A plan that writes nothing yet. */
export function createImportWrites(): ImportWrites {
  return { users: [], identities: [], unionids: [], phones: [], filled: [], learned: [] }
}

/** The key of an identity in {@link KnownUsers}. */
export function identityKey({ appid, openid }: { appid: string; openid: string }): string {
  return `${appid} ${openid}`
}

/**
 * Decides what a line does. What a line brings is added to `writes`, and to `known`, where the next lines find it. A refused line adds
 * nothing.
 *
 * A phone number names a user only where nothing else in the line does. Numbers change hands: the present holder of a number must not
 * get the account of the one before.
 */
export function planLine(known: KnownUsers, writes: ImportWrites, line: DigestedUser, nowMs: number): ImportOutcome {
  try {
    const found = findUser(known, line)
    if (found) refuseDifferences(known, found, line)
    else refuseHeldPhone(known, null, line)
    const user = found ?? addUser(writes, line, nowMs)
    const isFilled = fill(known, writes, user, line)
    if (!found) return 'made'
    return isFilled ? 'filled' : 'done'
  } catch (error) {
    if (error instanceof RefusedLineError) return { refused: error.message }
    throw error
  }
}

function findUser(known: KnownUsers, line: DigestedUser): KnownUser | null {
  const { externalId, identity, unionid, phoneDigest } = line
  const named = [
    ['external_id', externalId !== null && known.byExternalId.get(externalId)],
    ['openid', identity && known.byIdentity.get(identityKey(identity))],
    ['unionid', unionid !== null && known.byUnionid.get(unionid)],
    ['phone', externalId === null && !identity && unionid === null && known.byPhoneDigest.get(phoneDigest ?? '')],
  ] as const
  const [first, ...others] = named.flatMap(([column, user]) => (user ? [{ column, user }] : []))
  const other = others.find(({ user }) => user !== first?.user)
  if (first && other) {
    throw new RefusedLineError(
      `${first.column} belongs to user ${first.user.id}, and ${other.column} to user ${other.user.id}`,
    )
  }
  return first?.user ?? null
}

function refuseDifferences(known: KnownUsers, user: KnownUser, line: DigestedUser): void {
  const { externalId, identity, unionid, phoneDigest, nickname, avatarUrl } = line
  const refuse = (column: string): never => {
    throw new RefusedLineError(`user ${user.id} has another ${column}, which stays`)
  }
  if (user.isErasing) throw new RefusedLineError(`user ${user.id} is being erased`)
  if (externalId !== null && user.externalId !== null && user.externalId !== externalId) refuse('external_id')
  const own = identity && user.identities.get(identity.appid)
  if (identity && own && own.openid !== identity.openid) refuse('openid in this mini-program')
  if (own && unionid !== null && own.unionid !== null && own.unionid !== unionid) refuse('unionid')
  refuseHeldPhone(known, user, line)
  if (phoneDigest !== null && user.phoneDigest !== null && user.phoneDigest !== phoneDigest) refuse('phone number')
  if (nickname !== '' && user.nickname !== '' && user.nickname !== nickname) refuse('nickname')
  if (avatarUrl !== '' && user.avatarUrl !== '' && user.avatarUrl !== avatarUrl) refuse('avatar_url')
}

function refuseHeldPhone({ byPhoneDigest }: KnownUsers, user: KnownUser | null, { phoneDigest }: DigestedUser): void {
  const holder = phoneDigest === null ? undefined : byPhoneDigest.get(phoneDigest)
  if (holder && holder !== user) throw new RefusedLineError(`phone is the number of user ${holder.id}, and stays there`)
}

function addUser(writes: ImportWrites, { createdAtMs, ...line }: DigestedUser, nowMs: number): KnownUser {
  const { externalId, nickname, avatarUrl } = line
  const user = { id: randomUUID(), externalId, nickname, avatarUrl }
  // A time in the future comes from a clock that was wrong, and counts as now.
  writes.users.push({ ...user, createdAtMs: Math.min(createdAtMs ?? nowMs, nowMs) })
  return { ...user, isErasing: false, identities: new Map(), phoneDigest: null }
}

/** Adds to a user what the line says and the user has not yet. True when there was something to add. */
function fill(known: KnownUsers, writes: ImportWrites, user: KnownUser, line: DigestedUser): boolean {
  const { externalId, identity, unionid, phoneDigest } = line
  const userId = user.id
  let isFilled = false
  for (const field of ['externalId', 'nickname', 'avatarUrl'] as const) {
    const value = line[field]
    if (!value || user[field]) continue
    writes.filled.push({ userId, field, value })
    user[field] = value
    isFilled = true
  }
  if (externalId !== null) known.byExternalId.set(externalId, user)
  const own = identity && user.identities.get(identity.appid)
  if (identity && (!own || (own.unionid === null && unionid !== null))) {
    if (own && unionid !== null) writes.learned.push({ ...identity, unionid })
    else writes.identities.push({ ...identity, userId, unionid })
    user.identities.set(identity.appid, { openid: identity.openid, unionid })
    known.byIdentity.set(identityKey(identity), user)
    isFilled = true
  }
  if (unionid !== null && !known.byUnionid.has(unionid)) {
    writes.unionids.push({ unionid, userId })
    known.byUnionid.set(unionid, user)
    isFilled = true
  }
  if (phoneDigest !== null && user.phoneDigest === null) {
    writes.phones.push({ userId, line })
    user.phoneDigest = phoneDigest
    known.byPhoneDigest.set(phoneDigest, user)
    isFilled = true
  }
  return isFilled
}

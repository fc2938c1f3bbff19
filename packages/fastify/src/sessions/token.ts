import { hash, randomBytes } from 'node:crypto'

/** `wxs1.<bucket>.<43 base64url characters>`: a version, where to look, and 32 random bytes. */
const TOKEN = /^wxs1\.([0-9a-f]{3})\.[\w-]{43}$/

/** A reference to a session, by which a store finds it: its id, and the bucket that all sessions of its user share. */
export interface SessionRef {
  id: string
  bucket: string
}

/** A new token, which no one can guess, for a session of this user. */
export function createToken(userId: string): string {
  return `wxs1.${bucketOf(userId)}.${randomBytes(32).toString('base64url')}`
}

/** The reference to the session behind `token`; null for anything that is not the shape of a token. Costs no I/O. */
export function parseToken(token: string): SessionRef | null {
  const bucket = TOKEN.exec(token)?.[1]
  return bucket ? { id: hash('sha256', token, 'base64url'), bucket } : null
}

/**
 * One of 4096 groups of users. It stands in the token, so that the sessions of one user lie together and a Redis
 * Cluster can change them in one script (the bucket is the hash tag).
 */
export function bucketOf(userId: string): string {
  return hash('sha256', userId, 'hex').slice(0, 3)
}

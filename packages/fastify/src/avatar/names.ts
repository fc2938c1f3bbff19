import { hash, randomBytes } from 'node:crypto'

/** The form of a picture's name. A store is never asked for a name of another form. */
export const AVATAR_NAME: RegExp = /^[0-9a-f]{24}-[0-9a-f]{32}\.jpg$/

/** What the names of all pictures of a user begin with. It does not tell who the user is. */
export function ownerOf(userId: string): string {
  return hash('sha256', `weapp-auth avatar ${userId}`).slice(0, 24)
}

/** A new name. No other picture gets it. */
export function newAvatarName(userId: string): string {
  return `${ownerOf(userId)}-${randomBytes(16).toString('hex')}.jpg`
}

/** The name of the user's own picture that a profile shows. Null: the profile shows none, or one from elsewhere. */
export function nameIn(avatarUrl: string, userId: string): string | null {
  const name = avatarUrl.slice(avatarUrl.lastIndexOf('/') + 1)
  return AVATAR_NAME.test(name) && name.startsWith(ownerOf(userId)) ? name : null
}

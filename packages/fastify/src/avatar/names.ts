import { hash, randomBytes } from 'node:crypto'

/** What the name of a picture looks like; nothing else is looked for in a store. */
export const AVATAR_NAME: RegExp = /^[0-9a-f]{24}-[0-9a-f]{32}\.jpg$/

/** What the names of all pictures of a user begin with. It does not tell who the user is. */
export function ownerOf(userId: string): string {
  return hash('sha256', `weapp-auth avatar ${userId}`).slice(0, 24)
}

/** A name for one picture, and for no other. */
export function newAvatarName(userId: string): string {
  return `${ownerOf(userId)}-${randomBytes(16).toString('hex')}.jpg`
}

/** The picture of this user that a profile shows. Null: it shows none, or one from elsewhere. */
export function nameIn(avatarUrl: string, userId: string): string | null {
  const name = avatarUrl.slice(avatarUrl.lastIndexOf('/') + 1)
  return AVATAR_NAME.test(name) && name.startsWith(ownerOf(userId)) ? name : null
}

import { ApiError } from '../api-error.ts'
import { createTurns } from '../users/turns.ts'
import type { User, UserStore } from '../users/users.ts'
import { type AvatarStore, removeAvatarsOf } from './avatar-store.ts'
import { nameIn, newAvatarName, ownerOf } from './names.ts'

const TURN_MS = 4_000
/** A younger picture may belong to an upload that has not changed the profile yet. */
const UNCLAIMED_MS = 60_000

/** The pictures of users, and the profiles that show them. */
export interface Avatars {
  /**
   * Keeps a picture that was drawn anew, and has the user's profile show it.
   *
   * @param baseUrl what stands in front of a slash and the name
   * @returns null when there is no such user
   */
  replace(userId: string, jpeg: Buffer, baseUrl: string): Promise<User | null>
  /** Runs a change of a profile, and removes the old picture when the profile shows another one, or none, afterwards. */
  change(userId: string, update: () => Promise<User | null>): Promise<User | null>
  /** Removes all pictures of a user whose account is erased. When it rejects, it can be called again. */
  erase(userId: string): Promise<void>
}

/** What {@link createAvatars} needs. */
export interface AvatarsDeps {
  store: AvatarStore
  users: UserStore
  /** Told that an old picture could not be removed. The user's next picture tries again. */
  warn: (message: string) => void
}

/** Joins pictures and profiles. */
export function createAvatars({ store, users, warn }: AvatarsDeps): Avatars {
  // Without turns two uploads at the same time would both replace the first picture, and one of the two new ones would stay.
  const takeTurns = createTurns(TURN_MS, () => {
    return new ApiError('store_unavailable', 'other changes of this profile take too long', { retryAfterSeconds: 1 })
  })

  return {
    async replace(userId, jpeg, baseUrl) {
      const name = newAvatarName(userId)
      await store.put(name, jpeg)
      // When this rejects the profile may show the picture or not, so the picture stays until the next one replaces it.
      const user = await change(userId, () => users.updateProfile(userId, { avatarUrl: `${baseUrl}/${name}` }, 'user'))
      if (!user) await store.remove(name)
      return user
    },

    change,

    erase: (userId) => removeAvatarsOf(userId, store),
  }

  async function change(userId: string, update: () => Promise<User | null>): Promise<User | null> {
    return takeTurns(userId, async () => {
      const before = await users.findUser(userId)
      const after = await update()
      if (!before || !after) return after
      const old = nameIn(before.profile.avatarUrl, userId)
      const current = nameIn(after.profile.avatarUrl, userId)
      // The answer to the phone does not wait for this.
      if (old !== current) void removeOld(userId, old, current).catch(tell)
      return after
    })
  }

  /** Also removes pictures that a killed process has kept without changing the profile. */
  async function removeOld(userId: string, old: string | null, current: string | null): Promise<void> {
    if (old !== null) await store.remove(old)
    const kept = await store.list(ownerOf(userId))
    const unclaimed = kept.filter(({ name, keptAtMs }) => name !== current && keptAtMs < Date.now() - UNCLAIMED_MS)
    for (const { name } of unclaimed) await store.remove(name)
  }

  function tell(error: Error): void {
    warn(`an old avatar could not be removed, and stays until its user changes the picture again: ${error.message}`)
  }
}

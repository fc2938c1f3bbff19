import type { Accounts } from '../accounts.ts'
import type { Avatars } from '../avatar/avatars.ts'
import type { PhoneStore } from '../phone/phone-store.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { RecentUsers } from '../users/recent-users.ts'
import type { IdentityStore, UserStore } from '../users/users.ts'

/** What WeChat's account events do to users. Each method can be called again after it has failed. */
export interface AccountChanges {
  /**
   * For a user who has closed the account: removes the identity of this mini-program with its keys and sessions, and erases the user
   * who has neither another identity nor an externalId.
   *
   * @returns whether the user was erased
   */
  close(userId: string, identity: { appid: string; openid: string }): Promise<boolean>
  /** For a user who has taken back the consent to some data: removes these data. */
  withdraw(userId: string, data: Withdrawn): Promise<void>
}

/** The data whose consent a user has taken back. */
export interface Withdrawn {
  phone: boolean
  nickname: boolean
  avatar: boolean
}

/**
 * Reads RevokeInfo: 8 is the phone number, 6 nickname and avatar together, 19 the nickname, 20 the avatar. The other numbers stand for
 * data that this service does not keep.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/security.html
 */
export function parseRevokeInfo(text: string): Withdrawn {
  const numbers = new Set(text.match(/\d+/g) ?? [])
  const hasBoth = numbers.has('6')
  return { phone: numbers.has('8'), nickname: hasBoth || numbers.has('19'), avatar: hasBoth || numbers.has('20') }
}

/** What {@link createAccountChanges} joins. */
export interface AccountChangesDeps {
  identities: IdentityStore
  users: UserStore
  sessions: Sessions
  accounts: Accounts
  recentUsers: RecentUsers
  /** Null: this service keeps no pictures. */
  avatars: Avatars | null
  /** Null: this service keeps no phone numbers. */
  phones: PhoneStore | null
  /** Milliseconds since 1970. */
  now: () => number
}

const BY = 'wechat'

/** Joins the stores that an account event changes. */
export function createAccountChanges(deps: AccountChangesDeps): AccountChanges {
  const { identities, users, sessions, accounts, recentUsers, avatars, phones, now } = deps

  return {
    async close(userId, { appid, openid }) {
      // The user is marked first: an erasure that a fault cuts off is then finished by itself.
      if (!(await identities.beginErasureOfLast(userId, appid, now(), BY))) {
        // The identity goes after its sessions: when this fails, the next attempt still finds the user by the identity.
        await endSessions(userId, appid)
        await identities.unlinkIdentity(userId, { appid, openid }, BY)
        // Another message may have removed the user's other identity at the same time.
        if (!(await identities.beginErasureOfLast(userId, appid, now(), BY))) return false
      }
      await accounts.erase(userId, BY)
      return true
    },

    async withdraw(userId, { phone, nickname, avatar }) {
      if (phone) await phones?.remove(userId, BY)
      const changes = { ...(nickname && { nickname: '' }), ...(avatar && { avatarUrl: '' }) }
      const update = () => users.updateProfile(userId, changes, BY)
      try {
        await (avatars ? avatars.change(userId, update) : update())
      } finally {
        recentUsers.forget(userId)
      }
    },
  }

  /**
   * Ends the sessions of one mini-program. The block keeps a sign-in under way from making another one; for that minute the user cannot
   * sign in to other mini-programs either.
   */
  async function endSessions(userId: string, appid: string): Promise<void> {
    await sessions.block(userId, `closed ${appid}`, null)
    const live = await sessions.list(userId)
    const ended = live.filter((session) => session.appid === appid)
    await Promise.all(ended.map(({ id }) => sessions.revoke(userId, id, 'erased', BY)))
  }
}

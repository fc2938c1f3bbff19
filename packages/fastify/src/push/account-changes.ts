import type { Accounts } from '../accounts.ts'
import type { Avatars } from '../avatar/avatars.ts'
import type { PhoneStore } from '../phone/phone-store.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { RecentUsers } from '../users/recent-users.ts'
import type { IdentityStore, UserStore } from '../users/users.ts'

/** What WeChat's account events do to users. Each method can be called again after it has failed. */
export interface AccountChanges {
  /**
   * The user has closed the account: the identity of this mini-program goes, with its keys and sessions, and the user as well
   * when nothing else keeps them: another identity, or an externalId.
   *
   * @returns whether the user went
   */
  close(userId: string, identity: { appid: string; openid: string }): Promise<boolean>
  /** The user has taken back the consent to some data, which go. */
  withdraw(userId: string, data: Withdrawn): Promise<void>
}

/** Which data a user has taken back. */
export interface Withdrawn {
  phone: boolean
  nickname: boolean
  avatar: boolean
}

/**
 * Reads RevokeInfo: 8 is the phone number, 6 nickname and avatar, 19 and 20 one of them. The other numbers stand for data that
 * nobody keeps here.
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
      // The mark in the store comes first: an erasure that a fault cuts off is finished by itself.
      if (!(await identities.beginErasureOfLast(userId, appid, now(), BY))) {
        // Before the identity goes: when this fails, the next attempt finds the user by it.
        await endSessions(userId, appid)
        await identities.unlinkIdentity(userId, { appid, openid }, BY)
        // The others may have gone at the same time.
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
        if (avatar && avatars) await avatars.change(userId, update)
        else if (avatar || nickname) await update()
      } finally {
        recentUsers.forget(userId)
      }
    },
  }

  /**
   * The sessions of one mini-program. A sign-in that is under way makes none: for a minute the user cannot sign in to the
   * others either.
   */
  async function endSessions(userId: string, appid: string): Promise<void> {
    await sessions.block(userId, `closed ${appid}`, null)
    const live = await sessions.list(userId)
    const ended = live.filter((session) => session.appid === appid)
    await Promise.all(ended.map(({ id }) => sessions.revoke(userId, id, 'erased', BY)))
  }
}

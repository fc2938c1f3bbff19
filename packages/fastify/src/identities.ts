import type { Sessions } from './sessions/sessions.ts'
import type { LinkResult, UserStore } from './users/users.ts'
import type { WechatGateway } from './wechat/gateway.ts'

/** What a host application does with WeChat identities beside signing in. */
export interface Identities {
  /**
   * Gives a user of the store the WeChat identity behind a login code, so that both ways lead to one account. Nobody's
   * identity is taken away, and no users are merged: what stands against it is in the result.
   *
   * @param code from `wx.login` on the user's phone; single use, valid for five minutes
   * @throws RangeError when there is no such user
   * @throws ApiError `appid_unknown`, `code_*`, `login_in_progress`, `wechat_*` or `store_unavailable`
   */
  linkIdentity(userId: string, appid: string, code: string): Promise<LinkResult>
  /**
   * Has WeChat replace the user's session_key, when the present one may have leaked. WeChat asks not to do so often. False
   * when there is none that WeChat still knows: the user's next sign-in brings a new one.
   *
   * @throws ApiError `wechat_*` or `store_unavailable`
   */
  resetSessionKey(userId: string, appid: string): Promise<boolean>
}

export interface IdentitiesOptions {
  wechat: WechatGateway
  sessions: Sessions
  users: UserStore
  now: () => number
}

export function createIdentities({ wechat, sessions, users, now }: IdentitiesOptions): Identities {
  return {
    async linkIdentity(userId, appid, code) {
      // Before the code is spent: there is somebody to link, and the store takes what will be written.
      if (!(await users.findUser(userId))) throw noSuchUser()
      await users.ping()
      const identity = await sessions.spendCode(appid, code, () => wechat.code2Session(appid, code))
      const result = await users.linkIdentity(userId, appid, identity, now())
      if (!result) throw noSuchUser()
      return result
    },

    async resetSessionKey(userId, appid) {
      const keys = await users.findKeys(userId, appid)
      const [sessionKey] = keys?.sessionKeys ?? []
      if (!keys || sessionKey === undefined) return false
      const fresh = await wechat.resetSessionKey({ appid, openid: keys.openid, sessionKey })
      if (fresh === null) return false
      await users.replaceKey(userId, appid, fresh, now())
      return true
    },
  }
}

function noSuchUser(): RangeError {
  return new RangeError('there is no such user')
}

import type { UserInfo } from '../open-data.ts'
import { type Callbacks, callEitherStyle } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { overNetwork } from './wechat-call.ts'

/** What is there without `withCredentials`. */
type PlainUserInfo = Pick<UserInfo, 'userInfo' | 'rawData' | 'signature'>

/**
 * The user's own data. It names nobody since 2022; it is still signed and encrypted with the session_key. That
 * `getUserProfile` wants a tap is not checked.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/open-api/user-info/wx.getUserProfile.html
 */
export function createUserInfoApi(context: DeviceContext) {
  const { link, user, appid, thread, record, network } = context

  async function ask(event: string): Promise<UserInfo> {
    network.assertOnline()
    const info = await overNetwork(context, () => link.userInfo(user, appid))
    record(event)
    return info
  }

  return {
    getUserInfo: (options: Callbacks<PlainUserInfo | UserInfo> & { withCredentials?: boolean } = {}) =>
      callEitherStyle(thread, 'getUserInfo', options, async () => {
        const { userInfo, rawData, signature, encryptedData, iv } = await ask('wx.getUserInfo')
        const plain = { userInfo, rawData, signature }
        return options.withCredentials ? { ...plain, encryptedData, iv } : plain
      }),
    getUserProfile: (options: Callbacks<UserInfo> & { desc: string }) =>
      callEitherStyle(thread, 'getUserProfile', options, () => ask('wx.getUserProfile')),
  }
}

import { createAuth } from '@weapp-auth/client'
import { BASE_URLS, FIRST_SIGN_IN } from './config'

/** The one session of this device, shared by every page. */
export const auth = createAuth({
  baseUrl: BASE_URLS[wx.getAccountInfoSync().miniProgram.envVersion],
  autoLogin: FIRST_SIGN_IN === 'silent',
})

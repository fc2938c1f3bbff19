import { createAuth } from '@weapp-auth/client'

/** Where the service answers, for each version of the mini-program. */
const BASE_URLS = {
  develop: 'http://127.0.0.1:3000',
  trial: 'https://staging.example.com',
  release: 'https://api.example.com',
}

/** The one session of this device, shared by every page. */
export const auth = createAuth({ baseUrl: BASE_URLS[wx.getAccountInfoSync().miniProgram.envVersion] })

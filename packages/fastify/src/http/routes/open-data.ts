import { ROUTES } from '@weapp-auth/shared'
import { ApiError } from '../../api-error.ts'
import type { UserStore } from '../../users/users.ts'
import { decryptOpenData, isSignedOpenData } from '../../wechat/open-data.ts'
import type { WechatKeys } from '../../wechat-identity.ts'
import { authenticate } from '../plugins/authenticate.ts'
import type { RouteLimit } from '../plugins/rate-limit.ts'
import {
  DecryptOpenDataRequest,
  DecryptOpenDataResponse,
  VerifyOpenDataRequest,
  VerifyOpenDataResponse,
} from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

/** Where the session_keys are, and how often they may be used. */
export interface OpenDataRoutesOptions {
  users: UserStore
  /** How often one user may ask. */
  limit: RouteLimit
  now: () => number
}

/** Data that WeChat gave to the phone, encrypted or signed with the user's session_key, which only the server has. */
export const openDataRoutes: TypedRoutes<OpenDataRoutesOptions> = async (app, options) => {
  const { users, limit, now } = options

  app.post(
    ROUTES.decryptOpenData,
    {
      onRequest: authenticate,
      config: { rateLimit: limit },
      schema: { body: DecryptOpenDataRequest, response: { 200: DecryptOpenDataResponse } },
    },
    async ({ auth: { userId, appid }, body }) => {
      const keys = (await users.findKeys(userId, appid)) ?? NO_KEYS
      const data = decryptOpenData(body, keys, { appid, nowMs: now() })
      if (!data) throw stale()
      return { data }
    },
  )

  app.post(
    ROUTES.verifyOpenData,
    {
      onRequest: authenticate,
      config: { rateLimit: limit },
      schema: { body: VerifyOpenDataRequest, response: { 200: VerifyOpenDataResponse } },
    },
    async ({ auth: { userId, appid }, body }) => {
      const keys = (await users.findKeys(userId, appid)) ?? NO_KEYS
      if (!isSignedOpenData(body, keys)) throw stale()
      return { valid: true as const }
    },
  )
}

/** A user who signed in another way than through WeChat. */
const NO_KEYS: WechatKeys = { openid: '', sessionKeys: [] }

/** The same answer for every failure: details would help an attacker who tries keys, and a new login mends most failures. */
function stale(): ApiError {
  return new ApiError('session_key_stale', 'open data could not be opened or verified')
}

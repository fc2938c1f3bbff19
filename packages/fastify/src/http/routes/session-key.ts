import { ROUTES } from '@weapp-auth/shared'
import type { UserStore } from '../../users/users.ts'
import type { WechatGateway } from '../../wechat/gateway.ts'
import { authenticate } from '../plugins/authenticate.ts'
import type { RouteLimit } from '../plugins/rate-limit.ts'
import { CheckSessionKeyResponse } from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

/** Where the session_keys are, and how WeChat is asked about them. */
export interface SessionKeyRoutesOptions {
  wechat: WechatGateway
  users: UserStore
  /** How often one user may ask: WeChat counts its calls. */
  limit: RouteLimit
}

/** Routes about WeChat's session_key of the caller, whose lifetime does not depend on that of the session. */
export const sessionKeyRoutes: TypedRoutes<SessionKeyRoutesOptions> = async (app, options) => {
  const { wechat, users, limit } = options

  app.post(
    ROUTES.checkSessionKey,
    {
      onRequest: authenticate,
      config: { rateLimit: limit },
      schema: { response: { 200: CheckSessionKeyResponse } },
    },
    async ({ auth: { userId, appid } }) => {
      const keys = await users.findKeys(userId, appid)
      const [sessionKey] = keys?.sessionKeys ?? []
      if (!keys || sessionKey === undefined) return { valid: false }
      return { valid: await wechat.isSessionKeyAlive({ appid, openid: keys.openid, sessionKey }) }
    },
  )
}

import type { SessionKeyParams } from '../session-keys.ts'
import type { World } from '../world.ts'
import { type ApiRoute, namedToken } from './api-call.ts'

/**
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_checksessionkey
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_resetusersessionkey
 */
export function sessionKeyCalls(world: World): ApiRoute[] {
  const calls = {
    checksession(params: SessionKeyParams) {
      world.checkSessionKey(params)
      return {}
    },
    resetusersessionkey: (params: SessionKeyParams) => world.resetSessionKey(params),
  }
  return (['checksession', 'resetusersessionkey'] as const).map((point) => ({
    method: 'GET',
    path: `/wxa/${point}`,
    point,
    prepare({ query, detail }) {
      const { access_token, openid, signature, sig_method } = query
      Object.assign(detail, namedToken(world, query))
      return () => calls[point]({ access_token, openid, signature, sig_method })
    },
  }))
}

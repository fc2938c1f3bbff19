import type { World } from '../world.ts'
import type { ApiRoute } from './api-call.ts'

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session */
export function jscode2session(world: World): ApiRoute {
  return {
    method: 'GET',
    path: '/sns/jscode2session',
    point: 'jscode2session',
    prepare({ query: { appid, secret, js_code, grant_type }, detail }) {
      Object.assign(detail, { appid, code: js_code && world.ledger.alias('code', js_code) })
      return () => {
        const session = world.code2Session({ appid, secret, js_code, grant_type })
        detail.sessionKey = world.ledger.alias('key', session.session_key)
        return session
      }
    },
  }
}

import type { World } from '../world.ts'
import { type ApiRoute, jsonBody, namedToken } from './api-call.ts'

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/phone-number/api_getphonenumber */
export function phoneNumberCall(world: World): ApiRoute {
  return {
    method: 'POST',
    path: '/wxa/business/getuserphonenumber',
    point: 'getuserphonenumber',
    prepare({ query, body, detail }) {
      const sent = (body as { code?: unknown } | null)?.code
      Object.assign(detail, namedToken(world, query))
      if (typeof sent === 'string') detail.code = world.ledger.alias('phoneCode', sent)
      return () => {
        const { code, openid } = jsonBody(body)
        const phone_info = world.phones.exchange({ access_token: query.access_token, code, openid })
        return { errmsg: 'ok', phone_info }
      }
    },
  }
}

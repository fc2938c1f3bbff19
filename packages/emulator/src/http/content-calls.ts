import type { ContentCheckParams } from '../content-check.ts'
import { drawMiniCode, type MiniCodeParams } from '../mini-code.ts'
import type { SubscribeMessageParams } from '../subscriptions.ts'
import type { World } from '../world.ts'
import { type ApiRoute, jsonBody, namedToken } from './api-call.ts'

/**
 * What takes an access_token and a JSON body: text checks, codes, subscribe messages.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/sec-center/sec-check/api_msgseccheck
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/qrcode-link/qr-code/api_getunlimitedqrcode
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/message-management/subscribe-message/api_sendmessage
 */
export function contentCalls(world: World): ApiRoute[] {
  type Params = MiniCodeParams & ContentCheckParams & SubscribeMessageParams

  function post(path: string, point: ApiRoute['point'], run: (params: Params) => object): ApiRoute {
    return {
      method: 'POST',
      path,
      point,
      prepare({ query, body, detail }) {
        Object.assign(detail, namedToken(world, query))
        return () => run({ ...jsonBody(body), access_token: query.access_token })
      },
    }
  }

  return [
    post('/wxa/msg_sec_check', 'msg_sec_check', (params) => world.contentCheck.check(params)),
    post('/wxa/getwxacodeunlimit', 'getwxacodeunlimit', (params) => {
      const { pages } = world.checkAccessToken(params.access_token)
      return drawMiniCode(params, pages)
    }),
    post('/cgi-bin/message/subscribe/send', 'subscribe_send', (params) => ({
      errmsg: 'ok',
      ...world.subscriptions.send(params),
    })),
  ]
}

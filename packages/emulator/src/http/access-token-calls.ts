import type { TokenParams } from '../access-tokens.ts'
import type { LedgerDetail } from '../ledger.ts'
import type { World } from '../world.ts'
import { type ApiRoute, jsonBody } from './api-call.ts'
import { parseQuery } from './query.ts'

/**
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getaccesstoken
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getstableaccesstoken
 */
export function accessTokenCalls(world: World): ApiRoute[] {
  function named<Result extends { access_token: string }>(detail: LedgerDetail, result: Result): Result {
    detail.accessToken = world.ledger.alias('accessToken', result.access_token)
    return result
  }

  return [
    {
      method: 'GET',
      path: '/cgi-bin/token',
      point: 'token',
      prepare({ query, detail }) {
        const params = tokenParams(query)
        detail.appid = params.appid
        return () => named(detail, world.token(params))
      },
    },
    {
      method: 'POST',
      path: '/cgi-bin/stable_token',
      point: 'stable_token',
      prepare({ body, detail }) {
        const params = tokenParams(parseQuery(body))
        const force_refresh = (body as { force_refresh?: unknown } | null)?.force_refresh === true
        Object.assign(detail, { appid: params.appid, ...(force_refresh && { forced: true }) })
        return () => {
          jsonBody(body)
          return named(detail, world.stableToken({ ...params, force_refresh }))
        }
      },
    },
  ]
}

function tokenParams({ appid, secret, grant_type }: TokenParams): TokenParams {
  return { appid, secret, grant_type }
}

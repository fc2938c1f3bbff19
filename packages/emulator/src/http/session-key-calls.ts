import type { FastifyInstance } from 'fastify'
import type { LedgerDetail } from '../ledger.ts'
import type { SessionKeyParams } from '../session-keys.ts'
import type { World } from '../world.ts'
import { answer } from './api-call.ts'
import { parseQuery } from './query.ts'

/**
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_checksessionkey
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_resetusersessionkey
 */
export function sessionKeyCalls(app: FastifyInstance, world: World): void {
  const calls = {
    checksession(params: SessionKeyParams) {
      world.checkSessionKey(params)
      return {}
    },
    resetusersessionkey: (params: SessionKeyParams) => world.resetSessionKey(params),
  }
  for (const point of ['checksession', 'resetusersessionkey'] as const) {
    app.get(`/wxa/${point}`, (request, reply) => {
      const { access_token, openid, signature, sig_method } = parseQuery(request.query)
      const detail: LedgerDetail = { accessToken: access_token && world.ledger.alias('accessToken', access_token) }
      return answer(world, reply, {
        point,
        detail,
        run: () => calls[point]({ access_token, openid, signature, sig_method }),
      })
    })
  }
}

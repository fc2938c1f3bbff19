import type { FastifyInstance } from 'fastify'
import type { LedgerDetail } from '../ledger.ts'
import { WechatError } from '../wechat-error.ts'
import type { World } from '../world.ts'
import { answer } from './api-call.ts'
import { parseQuery } from './query.ts'

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getstableaccesstoken */
export function stableToken(app: FastifyInstance, world: World): void {
  app.post('/cgi-bin/stable_token', (request, reply) => {
    const { appid, secret, grant_type } = parseQuery(request.body)
    const isForced = isObject(request.body) && request.body.force_refresh === true
    const detail: LedgerDetail = { appid, ...(isForced && { forced: true }) }
    return answer(world, reply, {
      point: 'stable_token',
      detail,
      run() {
        if (!isObject(request.body)) throw new WechatError(47001)
        const token = world.stableToken({ appid, secret, grant_type, force_refresh: isForced })
        detail.accessToken = world.ledger.alias('accessToken', token.access_token)
        return token
      },
    })
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import type { FastifyInstance } from 'fastify'
import type { LedgerDetail } from '../ledger.ts'
import type { World } from '../world.ts'
import { answer } from './api-call.ts'
import { parseQuery } from './query.ts'

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session */
export function jscode2session(app: FastifyInstance, world: World): void {
  app.get('/sns/jscode2session', (request, reply) => {
    const { appid, secret, js_code, grant_type } = parseQuery(request.query)
    const detail: LedgerDetail = { appid, code: js_code && world.ledger.alias('code', js_code) }
    return answer(world, reply, {
      point: 'jscode2session',
      detail,
      run() {
        const session = world.code2Session({ appid, secret, js_code, grant_type })
        detail.sessionKey = world.ledger.alias('key', session.session_key)
        return session
      },
    })
  })
}

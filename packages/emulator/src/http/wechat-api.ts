import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import type { LedgerDetail } from '../ledger.ts'
import { WechatError } from '../wechat-error.ts'
import type { World } from '../world.ts'
import { accessTokenCalls } from './access-token-calls.ts'
import { type ApiRoute, answer, errorBody } from './api-call.ts'
import { contentCalls } from './content-calls.ts'
import { jscode2session } from './jscode2session.ts'
import { phoneNumberCall } from './phone-number-call.ts'
import { parseQuery } from './query.ts'
import { sessionKeyCalls } from './session-key-calls.ts'

/** The first folders of WeChat's addresses. */
const FAMILIES = ['/sns', '/cgi-bin', '/wxa', '/wxaapi'] as const

/**
 * What answers at `api.weixin.qq.com`: one file per call. An address it does not know is answered in WeChat's shape, as
 * long as it begins like one of WeChat's; others are left to the server this is registered in.
 */
export const wechatApi: FastifyPluginCallback<{ world: World }> = (app, { world }, done) => {
  const routes = apiRoutes(world)

  // WeChat does not look at the content type.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, parsed) =>
    parsed(null, parseJson(String(text))),
  )

  for (const { method, path, point, prepare } of routes) {
    app.route({
      method,
      url: path,
      handler(request, reply) {
        const detail: LedgerDetail = {}
        const run = prepare({ query: parseQuery(request.query), body: request.body, detail })
        return answer(world, reply, { point, detail, run })
      },
    })
  }

  const prefix = app.prefix
  for (const family of FAMILIES) {
    app.all(`${family}/*`, (request, reply) => {
      const path = (request.url.split('?')[0] ?? '').slice(prefix.length)
      const known = routes.find((route) => route.path === path)
      const wrongMethod = known?.method === 'GET' ? 43001 : 43002
      return refuseUnknown(world, request, reply, known ? wrongMethod : 40066)
    })
  }
  done()
}

/** Every call that is played. */
export function apiRoutes(world: World): ApiRoute[] {
  return [
    jscode2session(world),
    ...accessTokenCalls(world),
    ...sessionKeyCalls(world),
    phoneNumberCall(world),
    ...contentCalls(world),
  ]
}

/** Says that there is no such call, without a word of what was sent: a query may hold a secret. */
export function refuseUnknown(
  { ledger }: World,
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  errcode = 40066,
): FastifyReply {
  ledger.add({ side: 'wechat', event: 'unknown', method, path: ledger.redact(url.split('?')[0] ?? ''), errcode })
  return reply
    .code(200)
    .type('text/plain')
    .send(JSON.stringify(errorBody(new WechatError(errcode))))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

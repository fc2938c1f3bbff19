import type { FastifyInstance } from 'fastify'
import type { World } from '../world.ts'
import { CODE_ALIAS_HEADER } from '../wx/link.ts'
import { parseCaller, parseObject } from './control-body.ts'

/** What a phone asks of WeChat: the way of `remoteLink`, and of a tester who has no phone. */
export function phoneRoutes(app: FastifyInstance, world: World): void {
  app.post('/wx-login', (request, reply) => {
    const { user, appid } = parseCaller(request.body, world)
    const { code } = world.login(user, appid)
    reply.header(CODE_ALIAS_HEADER, world.ledger.alias('code', code))
    return { appid, code }
  })

  app.post('/phone-code', (request, reply) => {
    const { user, appid } = parseCaller(request.body, world)
    const given = world.phoneNumber(user, appid)
    reply.header(CODE_ALIAS_HEADER, world.ledger.alias('phoneCode', given.code))
    return { appid, ...given }
  })

  app.post('/check-session', (request) => {
    const { user, appid } = parseCaller(request.body, world)
    return { valid: world.checkSession(user, appid) }
  })

  app.post('/user-info', (request) => {
    const { user, appid } = parseCaller(request.body, world)
    return world.userInfo(user, appid)
  })

  app.post('/encrypt', (request) => {
    const { user, appid } = parseCaller(request.body, world)
    return world.encrypt(user, appid, parseObject(parseObject(request.body).data, 'data'))
  })

  app.post('/subscribe', (request) => {
    const { user, appid } = parseCaller(request.body, world)
    const { templates, accepted = true } = parseObject(request.body)
    if (!Array.isArray(templates)) throw new TypeError('templates must be an array of template ids')
    world.subscriptions.answer(user, appid, templates.map(String), accepted === true)
    return {}
  })
}

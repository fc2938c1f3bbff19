import type { FastifyInstance } from 'fastify'
import { ACCOUNT_EVENTS } from '../push.ts'
import type { PushTarget } from '../push-message.ts'
import type { World } from '../world.ts'
import { parseAppid, parseCaller, parseObject } from './control-body.ts'
import { parseQuery } from './query.ts'

type Phone = Parameters<World['phones']['set']>[1]
type Judgement = Parameters<World['contentCheck']['judge']>

/** What a tester decides about WeChat: its users, keys, tokens, opinions and pushes. Values are checked by the world. */
export function worldRoutes(app: FastifyInstance, world: World): void {
  app.post('/session-key/expire', (request) => {
    const { user, appid } = parseCaller(request.body, world)
    world.expireSessionKey(user, appid)
    return {}
  })

  app.post('/access-token/revoke', (request) => {
    world.revokeAccessToken(parseAppid(parseObject(request.body), world))
    return {}
  })

  app.post('/block', (request) => {
    const { user } = parseCaller(request.body, world)
    world.setBlocked(user, parseObject(request.body).blocked !== false)
    return {}
  })

  app.post('/phone', (request) => {
    const { user } = parseCaller(request.body, world)
    const { number, countryCode } = parseObject(request.body)
    const phone = { number, ...(countryCode !== undefined && { countryCode }) } as Phone
    if (number !== undefined) world.phones.set(user, phone)
    return world.phones.get(user)
  })

  app.post('/phone-quota', (request) => {
    const body = parseObject(request.body)
    world.phones.setQuota(parseAppid(body, world), body.left as number | null)
    return {}
  })

  app.post('/judge', (request) => {
    const { word, suggest, label } = parseObject(request.body)
    world.contentCheck.judge(...([word, suggest, label] as Judgement))
    return {}
  })

  app.get('/messages', (request) => {
    const { user = '' } = parseQuery(request.query)
    return { messages: world.subscriptions.received(user) }
  })

  app.post('/push-target', async (request) => {
    const body = parseObject(request.body)
    const { appid: _appid, url, ...target } = body
    const appid = parseAppid(body, world)
    // Without an address nothing is pushed any more.
    world.pushes.setTarget(appid, url === undefined ? null : ({ ...target, url } as unknown as PushTarget))
    return { verified: url === undefined ? null : await world.pushes.verify(appid) }
  })

  app.post('/push', async (request) => {
    const { user, appid } = parseCaller(request.body, world)
    const { event, revokeInfo } = parseObject(request.body)
    const known = ACCOUNT_EVENTS.find((name) => name === event)
    if (!known) throw new TypeError(`event must be one of ${ACCOUNT_EVENTS.join(', ')}`)
    const options = revokeInfo === undefined ? {} : { revokeInfo: String(revokeInfo) }
    return world.pushes.accountEvent(user, appid, known, options)
  })
}

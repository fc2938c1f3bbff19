import type { FastifyPluginAsync } from 'fastify'
import type { Fault, FaultPoint } from '../faults.ts'
import { messageOf } from '../message-of.ts'
import { ACCOUNT_EVENTS } from '../push.ts'
import type { PushTarget } from '../push-message.ts'
import { WechatError } from '../wechat-error.ts'
import type { World } from '../world.ts'
import { CODE_ALIAS_HEADER } from '../wx/link.ts'
import { createLedgerStreams } from './ledger-stream.ts'
import { isLoopbackHost } from './loopback-host.ts'
import { parseQuery } from './query.ts'

/** Options of `controlApi`. */
export interface ControlApiOptions {
  world: World
  /** Answers under any name, not only under a loopback one. Default false: see `isLoopbackHost`. */
  exposed?: boolean
}

type Phone = Parameters<World['phones']['set']>[1]

/** The most that one `POST /clock` may add: a year. Sessions, codes and keys have all ended long before. */
const LONGEST_ADVANCE_MS = 366 * 24 * 60 * 60_000

/**
 * The emulator's own switches over HTTP: what phones in other processes, `curl` and a playground drive it with.
 * Signs anybody in as anybody, so it must never be reachable beside a real app.
 */
export const controlApi: FastifyPluginAsync<ControlApiOptions> = async (app, { world, exposed = false }) => {
  app.addHook('onRequest', async ({ headers: { host } }) => {
    if (!exposed && !isLoopbackHost(host)) throw new ForeignHostError()
  })

  const streams = createLedgerStreams(world.ledger)
  // A stream never ends by itself, and closing waits for every answer.
  app.addHook('preClose', async () => streams.closeAll())

  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof WechatError || error instanceof TypeError || error instanceof RangeError ? 400 : 500
    const message = messageOf(error)
    const errcode = error instanceof WechatError ? { errcode: error.errcode } : {}
    return reply.code(statusCodeOf(error) ?? status).send({ error: message, ...errcode })
  })

  app.get('/world', () => ({ apps: world.apps.map(({ appid }) => appid), nowMs: world.clock.now() }))

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

  app.post('/phone', (request) => {
    const { user } = parseCaller(request.body, world)
    const { number, countryCode } = parseObject(request.body)
    if (number !== undefined)
      world.phones.set(user, { number, ...(countryCode !== undefined && { countryCode }) } as Phone)
    return world.phones.get(user)
  })

  app.post('/phone-quota', (request) => {
    const { left, appid = world.apps[0]?.appid } = parseObject(request.body)
    // Both are checked by setQuota().
    world.phones.setQuota(String(appid), left as number | null)
    return {}
  })

  app.post('/push-target', (request) => {
    const { appid = world.apps[0]?.appid, url, ...target } = parseObject(request.body)
    // Checked by setTarget(); without an address nothing is pushed any more.
    world.pushes.setTarget(String(appid), url === undefined ? null : ({ ...target, url } as unknown as PushTarget))
    return {}
  })

  app.post('/push', async (request) => {
    const { user, appid } = parseCaller(request.body, world)
    const { event, revokeInfo } = parseObject(request.body)
    const known = ACCOUNT_EVENTS.find((name) => name === event)
    if (!known) throw new TypeError(`event must be one of ${ACCOUNT_EVENTS.join(', ')}`)
    return world.pushes.accountEvent(
      user,
      appid,
      known,
      revokeInfo === undefined ? {} : { revokeInfo: String(revokeInfo) },
    )
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

  app.get('/ledger', (request) => {
    const { after } = parseQuery(request.query)
    const { ledger } = world
    const entries = after === undefined ? ledger.entries() : ledger.entries().filter(({ seq }) => seq > Number(after))
    return { entries, dropped: ledger.dropped }
  })

  app.get('/ledger/stream', (_request, reply) => streams.open(reply))

  app.post('/session-key/expire', (request) => {
    const { user, appid } = parseCaller(request.body, world)
    world.expireSessionKey(user, appid)
    return {}
  })

  app.post('/clock', (request) => {
    const { advanceMs } = parseObject(request.body)
    if (typeof advanceMs !== 'number') throw new TypeError('advanceMs must be a number of milliseconds')
    if (!(advanceMs >= 0 && advanceMs <= LONGEST_ADVANCE_MS)) {
      throw new RangeError(`advanceMs must be from 0 to ${LONGEST_ADVANCE_MS} (a year): a clock only moves forward`)
    }
    world.advance(advanceMs)
    return { nowMs: world.clock.now() }
  })

  app.get('/faults', () => world.faults.active())

  app.post('/faults', (request) => {
    const { point, ...fault } = parseObject(request.body)
    if (typeof point !== 'string') throw new TypeError('point must say where the fault is')
    // Both are checked by set(), which names what it does not know.
    world.faults.set(point as FaultPoint, fault as Fault)
    return world.faults.active()
  })

  app.delete('/faults', (request) => {
    const { point } = parseQuery(request.query)
    world.faults.clear(point as FaultPoint | undefined)
    return world.faults.active()
  })
}

/** @see isLoopbackHost */
class ForeignHostError extends Error {
  readonly statusCode = 403

  constructor() {
    super('the emulator answers under localhost, 127.0.0.1 or [::1] only: open it under one of these names')
  }
}

/** Who calls from which app: `{ user, appid? }`, the app defaulting to the world's first. */
function parseCaller(body: unknown, world: World): { user: string; appid: string } {
  const { user, appid = world.apps[0]?.appid } = parseObject(body)
  if (typeof user !== 'string' || user === '' || user.length > 64) {
    throw new TypeError('user must be a name of 1 to 64 characters, such as { "user": "alice" }')
  }
  if (typeof appid !== 'string') throw new TypeError('appid must be a string')
  return { user, appid }
}

function parseObject(value: unknown, name = 'the body'): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(`${name} must be a JSON object`)
  return value as Record<string, unknown>
}

function statusCodeOf(error: unknown): number | null {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : null
}

import type { FastifyPluginAsync } from 'fastify'
import type { Fault, FaultPoint } from '../faults.ts'
import { messageOf } from '../message-of.ts'
import { proofsOf } from '../proofs.ts'
import { WechatError } from '../wechat-error.ts'
import type { World } from '../world.ts'
import { parseObject } from './control-body.ts'
import { phoneRoutes } from './control-phone.ts'
import { worldRoutes } from './control-world.ts'
import { createLedgerStreams } from './ledger-stream.ts'
import { isLoopbackHost } from './loopback-host.ts'
import { parseQuery } from './query.ts'

/** Options of `controlApi`. */
export interface ControlApiOptions {
  world: World
  /** Answers under any name, not only under a loopback one. Default false: see `isLoopbackHost`. */
  exposed?: boolean
}

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
    const message =
      statusCodeOf(error) === 415 ? 'send JSON, with the header content-type: application/json' : messageOf(error)
    const errcode = error instanceof WechatError ? { errcode: error.errcode } : {}
    return reply.code(statusCodeOf(error) ?? status).send({ error: message, ...errcode })
  })

  app.get('/world', () => ({ apps: world.apps.map(({ appid }) => appid), nowMs: world.clock.now() }))

  phoneRoutes(app, world)
  worldRoutes(app, world)

  app.get('/ledger', (request) => {
    const { after } = parseQuery(request.query)
    const { ledger } = world
    const entries = after === undefined ? ledger.entries() : ledger.entries().filter(({ seq }) => seq > Number(after))
    return { entries, dropped: ledger.dropped }
  })

  app.get('/proofs', () => proofsOf(world.ledger))

  app.get('/ledger/stream', (_request, reply) => streams.open(reply))

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

function statusCodeOf(error: unknown): number | null {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : null
}

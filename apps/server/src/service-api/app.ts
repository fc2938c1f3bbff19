import { ApiError, type KeyMark, useStrictJson, type WeappAuth } from '@weapp-auth/fastify'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { closeGracefully } from '../closing.ts'
import { listenerOptions } from '../listener-options.ts'
import { securityHeaders } from '../security-headers.ts'
import { UNDECODABLE, undecodable } from '../undecodable-address.ts'
import type { Upkeep } from '../upkeep/upkeep.ts'
import { accountsRoutes } from './accounts.ts'
import { guardRoutes, type Identify } from './callers.ts'
import { conflictsRoutes } from './conflicts.ts'
import { eventsRoutes } from './events.ts'
import { healthRoutes } from './health.ts'
import { introspectRoutes } from './introspect.ts'
import { sendServiceProblem } from './problems.ts'
import { sessionsRoutes } from './sessions.ts'
import { usersRoutes } from './users.ts'
import { verifyRoutes } from './verify.ts'
import { wechatRoutes } from './wechat.ts'

/** What the service API is built from. */
export interface ServiceApiDeps {
  /** `app.weappAuth` of the application that signs in phones. It does all the work; this API only calls it. */
  weappAuth: WeappAuth
  /** Says who sends a request. */
  identify: Identify
  /** Work on the users' database as a whole, for the operator's own socket alone. Default: no such routes. */
  openUpkeep?: () => Promise<Upkeep>
  /** The keys of the ring in use, the sealing one first. Default: health shows none. */
  ring?: () => readonly KeyMark[]
  log: FastifyBaseLogger
  /** Sees the application before its first route. */
  beforeRoutes?: (api: FastifyInstance) => void | Promise<void>
}

/** The path of every route begins with this. */
export const SERVICE_PREFIX = '/service/v1'

/**
 * The API for backends and operators, never for phones. Nothing listens yet: `listen` it on a port or a socket, or `inject`
 * requests.
 */
export async function buildServiceApi({
  weappAuth,
  identify,
  openUpkeep,
  ring = () => [],
  log,
  beforeRoutes,
}: ServiceApiDeps): Promise<FastifyInstance> {
  const api = Fastify({ ...listenerOptions(log), frameworkErrors: sendServiceProblem })
  await beforeRoutes?.(api)
  const headers = { ...securityHeaders(), 'cache-control': 'no-store' }
  api.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id)
    done()
  })
  closeGracefully(api)
  guardRoutes(api, identify)
  api.setErrorHandler(sendServiceProblem)
  api.setNotFoundHandler(({ url }) => {
    if (url === UNDECODABLE) throw undecodable()
    throw new ApiError('not_found', 'no such route', { detail: 'there is nothing at this path' })
  })
  await api.register(
    async (v1) => {
      useStrictJson(v1)
      await v1.register(introspectRoutes, { weappAuth })
      await v1.register(usersRoutes, { weappAuth })
      await v1.register(accountsRoutes, { weappAuth })
      await v1.register(sessionsRoutes, { weappAuth })
      await v1.register(wechatRoutes, { weappAuth })
      await v1.register(verifyRoutes, { weappAuth })
      await v1.register(eventsRoutes, { weappAuth })
      await v1.register(conflictsRoutes, { weappAuth })
      await v1.register(healthRoutes, { weappAuth, ring })
      if (openUpkeep) await v1.register((await import('../upkeep/routes.ts')).upkeepRoutes, { openUpkeep })
    },
    { prefix: SERVICE_PREFIX },
  )
  return api
}

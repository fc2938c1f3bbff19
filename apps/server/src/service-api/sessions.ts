import { schemas } from '@weapp-auth/fastify'
import { causeOf } from './callers.ts'
import { id, notFound, object, serviceSession, toServiceSession, userParams } from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

/** The sessions of one user. Whether the user exists is not asked, so that these routes also work while SQL is away. */
export const sessionsRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  api.get(
    '/users/:id/sessions',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The live sessions of a user, oldest first',
        params: userParams,
        response: { 200: object({ sessions: { type: 'array', items: serviceSession } }) },
      },
    },
    async ({ params: { id } }) => ({ sessions: (await weappAuth.list(id)).map(toServiceSession) }),
  )

  api.delete(
    '/users/:id/sessions/:sid',
    {
      config: { scope: 'write' },
      schema: { summary: 'End one session', params: object({ id, sid: id }), response: { 204: schemas.NoContent } },
    },
    async (request, reply) => {
      const { id, sid } = request.params
      if (!(await weappAuth.revoke(id, sid, causeOf(request)))) throw notFound('the user has no such session')
      return reply.code(204).send(null)
    },
  )

  api.delete(
    '/users/:id/sessions',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'End all sessions of a user',
        params: userParams,
        response: { 200: schemas.RevokeSessionsResponse },
      },
    },
    async (request) => ({ revoked: await weappAuth.revokeAll(request.params.id, causeOf(request)) }),
  )
}

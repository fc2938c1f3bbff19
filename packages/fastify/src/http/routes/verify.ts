import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ROUTES } from '@weapp-auth/shared'
import { NoContent } from '../schemas.ts'

/** Forward-auth: a reverse proxy asks here whether it may let a request through to a backend in any language. */
export const verifyRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    ROUTES.verify,
    { onRequest: app.authenticate, schema: { response: { 204: NoContent } } },
    async ({ auth }, reply) =>
      reply
        .code(204)
        .headers({
          'x-auth-user-id': auth.userId,
          'x-auth-session-id': auth.sessionId,
          'x-auth-appid': auth.appid,
        })
        .send(null),
  )
}

import { ROUTES } from '@weapp-auth/shared'
import { authenticate } from '../plugins/authenticate.ts'
import { NoContent } from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

/**
 * Forward-auth: a reverse proxy asks here whether it may let a request through to a backend in any language.
 *
 * A refusal stands in the body and once more in the header `X-Auth-Refusal`, because nginx drops the body of what
 * `auth_request` asks. To ask a second time for the body would be wrong: the answer may have changed in between.
 */
export const verifyRoutes: TypedRoutes = async (app) => {
  app.addHook('onSend', async (_request, reply, payload) => {
    if (reply.statusCode >= 400 && typeof payload === 'string') reply.header('x-auth-refusal', toAscii(payload))
  })
  app.get(
    ROUTES.verify,
    { onRequest: authenticate, schema: { response: { 204: NoContent } } },
    async ({ auth }, reply) =>
      reply
        .code(204)
        .headers({
          'x-auth-user-id': auth.userId,
          'x-auth-session-id': auth.sessionId,
          'x-auth-appid': auth.appid,
          ...(auth.externalId !== null && { 'x-auth-external-id': auth.externalId }),
        })
        .send(null),
  )
}

/** JSON that is a valid header: everything else than visible ASCII and space is escaped. */
function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

import { ROUTES } from '@weapp-auth/shared'
import type { FastifyInstance } from 'fastify'
import { authenticate, type RequestAuth } from '../plugins/authenticate.ts'
import { NoContent } from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

/**
 * Forward-auth: a reverse proxy asks here whether it may let a request through to a backend in any language.
 *
 * A refusal stands in the body and once more in the header `X-Auth-Refusal`, because nginx drops the body of what
 * `auth_request` asks. To ask a second time for the body would be wrong: the answer may have changed in between.
 */
export const verifyRoutes: TypedRoutes = async (app) => {
  repeatRefusals(app)
  app.get(
    ROUTES.verify,
    { onRequest: authenticate, schema: { response: { 204: NoContent } } },
    async ({ auth }, reply) => reply.code(204).headers(authHeaders(auth)).send(null),
  )
}

/** What a backend behind a proxy is told about whoever sent a request. */
export function authHeaders({ userId, sessionId, appid, externalId }: RequestAuth): Record<string, string> {
  return {
    'x-auth-user-id': userId,
    'x-auth-session-id': sessionId,
    'x-auth-appid': appid,
    ...(externalId !== null && { 'x-auth-external-id': externalId }),
  }
}

/** Repeats the body of each refusal of this application in the header `X-Auth-Refusal`. */
export function repeatRefusals(app: FastifyInstance): void {
  app.addHook('onSend', async (_request, reply, payload) => {
    if (reply.statusCode >= 400 && typeof payload === 'string') reply.header('x-auth-refusal', toAscii(payload))
  })
}

/** JSON that is a valid header: everything else than visible ASCII and space is escaped. */
function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

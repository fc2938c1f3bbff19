import { object, text } from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

const introspection = object(
  {
    active: {
      type: 'boolean',
      description: 'Whether it is the token of a live session. The other fields are there only when this is true.',
    },
    sub: { type: 'string', description: 'The id of the user.' },
    appid: text,
    session_id: text,
    external_id: { type: 'string', description: 'Your own id for the user, where there is one.' },
    exp: { type: 'integer', description: 'When the session ends unless it is used, in seconds since 1970.' },
  },
  ['sub', 'appid', 'session_id', 'external_id', 'exp'],
)

/**
 * Tells a backend whose token it was sent (RFC 7662). That counts as use of the session. The body may also be a form, as the RFC
 * says and ready-made clients send it.
 */
export const introspectRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  api.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  api.post(
    '/introspect',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Find out whose token it is',
        body: object({ token: { type: 'string', maxLength: 1024 } }),
        response: { 200: introspection },
      },
    },
    async ({ body: { token } }) => {
      const session = await weappAuth.findSession(token)
      if (!session) return { active: false }
      const { id, userId, appid, externalId, expiresAtMs } = session
      return {
        active: true,
        sub: userId,
        appid,
        session_id: id,
        ...(externalId !== undefined && { external_id: externalId }),
        exp: Math.floor(expiresAtMs / 1000),
      }
    },
  )
}

import { authHeaders, createRecentReads, repeatRefusals, schemas } from '@weapp-auth/fastify'
import type { ServiceRoutes } from './typed-routes.ts'

/** How long an openid is remembered. It never changes; an erasure or a merge ends the sessions that would ask for it. */
const GOOD_FOR_MS = 60_000
/** About 2 MB. */
const MAX_OPENIDS = 10_000

/**
 * Forward-auth with the openid, for proxies in front of backends that need it at every request. The proxy sends its own service token
 * in `Authorization`, and the header `Authorization` of the phone in `X-Forwarded-Authorization`.
 */
export const verifyRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  repeatRefusals(api)
  const openids = createRecentReads({
    read: async (key) => {
      const [userId = '', appid = ''] = key.split(' ')
      return (await weappAuth.findIdentity(userId, appid))?.openid ?? null
    },
    goodForMs: GOOD_FOR_MS,
    maxEntries: MAX_OPENIDS,
    now: Date.now,
  })

  api.get(
    '/verify',
    {
      config: { scope: 'wechat' },
      schema: {
        summary: 'Whether a proxy may let a request of a phone through, and whose it is',
        description:
          'The answer is in the headers X-Auth-User-Id, X-Auth-Session-Id, X-Auth-Appid, X-Auth-External-Id and X-Auth-Openid, all of which the proxy must overwrite. It refuses as GET /v1/verify does, with the body of the refusal once more in the header X-Auth-Refusal.',
        headers: {
          type: 'object',
          properties: {
            'x-forwarded-authorization': { type: 'string', description: 'What the phone sent in Authorization.' },
          },
        },
        response: { 204: schemas.NoContent },
      },
    },
    async ({ headers }, reply) => {
      const auth = await weappAuth.authenticate(headers['x-forwarded-authorization'])
      const openid = await openids.find(`${auth.userId} ${auth.appid}`)
      return reply
        .code(204)
        .headers({ ...authHeaders(auth), ...(openid !== null && { 'x-auth-openid': openid }) })
        .send(null)
    },
  )
}

import { type AccessToken, schemas } from '@weapp-auth/fastify'
import { causeOf } from './callers.ts'
import { ServiceError } from './problems.ts'
import { appid, object, presentUser, text, userParams } from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

const accessToken = object({
  accessToken: text,
  expiresIn: {
    type: 'integer',
    description: 'Seconds for which the service hands it out. WeChat takes it for five minutes more.',
  },
})
const appParams = object({ appid })

/** Routes for what WeChat Pay, messages and other calls of WeChat need. Their answers must not leave your servers. */
export const wechatRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  api.get(
    '/users/:id/identities',
    {
      config: { scope: 'wechat' },
      schema: {
        summary: 'The openid of a user in each mini-program',
        params: userParams,
        response: {
          200: object({
            identities: {
              type: 'array',
              items: object({ appid: text, openid: text, unionid: { type: ['string', 'null'] } }),
            },
          }),
        },
      },
    },
    async ({ params: { id } }) => {
      const identities = await weappAuth.listIdentities(id)
      if (identities.length === 0) presentUser(await weappAuth.findUser(id))
      return { identities }
    },
  )

  api.post(
    '/users/:id/identities',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'Give a user the WeChat identity behind a code of wx.login',
        description:
          'Then a sign-in with WeChat and a sign-in with you lead to the same account. No user loses an identity, and no users are merged.',
        params: userParams,
        body: object({ appid, code: text }),
        response: { 204: schemas.NoContent },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      presentUser(await weappAuth.findUser(params.id))
      const result = await weappAuth.linkIdentity(params.id, body.appid, body.code, causeOf(request))
      if (result.linked) return reply.code(204).send(null)
      if (result.reason === 'taken') throw new ServiceError('identity_taken', 'another user has this WeChat identity')
      throw new ServiceError('identity_exists', 'the user has another WeChat identity in this mini-program')
    },
  )

  api.get(
    '/users/:id/phone',
    {
      config: { scope: 'wechat' },
      schema: {
        summary: 'The whole phone number of a user',
        params: userParams,
        response: {
          200: object({
            phone: {
              anyOf: [object({ number: text, countryCode: text, isProven: { type: 'boolean' } }), { type: 'null' }],
              description:
                'Null: the user has none. `isProven`: the user proved it with a tap in WeChat; otherwise it came from you.',
            },
          }),
        },
      },
    },
    async ({ params: { id } }) => {
      const phone = await weappAuth.findPhone(id)
      if (!phone) presentUser(await weappAuth.findUser(id))
      return { phone }
    },
  )

  api.get(
    '/apps/:appid/access-token',
    {
      config: { scope: 'wechat' },
      schema: {
        summary: 'The access_token of a mini-program, the same for all programs',
        description:
          'Get it before each call of WeChat, or keep it for a minute at most. Do not ask WeChat for another one: that may end this one.',
        params: appParams,
        response: { 200: accessToken },
      },
    },
    async ({ params: { appid } }) => toAnswer(await weappAuth.accessToken(appid)),
  )

  api.post(
    '/apps/:appid/access-token/refused',
    {
      config: { scope: 'wechat' },
      schema: {
        summary: 'Report an access_token that WeChat has refused (40001, 40014, 42001), and get another one',
        description:
          'When another program has reported the same one, the new one is answered at once. Otherwise WeChat is asked for a new one, once for all programs. WeChat allows twenty such requests a day: after one that did not help there is a pause for all programs, and the answer is wechat_misconfigured.',
        params: appParams,
        body: object({
          accessToken: { type: 'string', minLength: 1, maxLength: 1024, description: 'The refused one.' },
        }),
        response: { 200: accessToken },
      },
    },
    async ({ params: { appid }, body }) => toAnswer(await weappAuth.accessToken(appid, body.accessToken)),
  )
}

function toAnswer({ value, ttlMs }: AccessToken) {
  return { accessToken: value, expiresIn: Math.floor(ttlMs / 1000) }
}

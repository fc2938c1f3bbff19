import {
  appid,
  externalId,
  id,
  limitOf,
  next,
  object,
  pageQuery,
  phone,
  presentUser,
  serviceUser,
  toPhone,
  toServiceUser,
  userParams,
} from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

const oneUser = object({ user: serviceUser })

/** Routes that find users. No answer holds an openid. */
export const usersRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  api.post(
    '/users/find',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Find a user by your own id, a phone number or an openid',
        description: 'In a body, because addresses are logged.',
        body: { anyOf: [object({ externalId }), object({ phone }), object({ appid, openid: id })] },
        response: { 200: oneUser },
      },
    },
    async ({ body }) => {
      const find = async () => {
        if ('externalId' in body) return weappAuth.findUserByExternalId(body.externalId)
        if ('phone' in body) return weappAuth.findUserByPhone(toPhone(body.phone))
        return weappAuth.findUserByIdentity(body.appid, body.openid)
      }
      return { user: toServiceUser(presentUser(await find())) }
    },
  )

  api.get(
    '/users/:id',
    { config: { scope: 'read' }, schema: { summary: 'One user', params: userParams, response: { 200: oneUser } } },
    async ({ params: { id } }) => ({ user: toServiceUser(presentUser(await weappAuth.findUser(id))) }),
  )

  api.get(
    '/users',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'All users, in the order of their ids',
        querystring: pageQuery,
        response: { 200: object({ users: { type: 'array', items: serviceUser }, next }) },
      },
    },
    async ({ query }) => {
      const limit = limitOf(query)
      const users = await weappAuth.listUsers({ after: query.after ?? null, limit })
      return { users: users.map(toServiceUser), next: users.length < limit ? null : (users.at(-1)?.id ?? null) }
    },
  )
}

import { schemas } from '@weapp-auth/fastify'
import { causeOf } from './callers.ts'
import {
  appid,
  externalId,
  id,
  invalid,
  limitOf,
  next,
  noSuchUser,
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

/** Finding users, and saying whether they may sign in. No openid is in any answer. */
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

  api.put(
    '/users/:id/disabled',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'End the sessions of a user, and refuse new ones',
        params: userParams,
        body: object(
          {
            reason: { type: 'string', maxLength: 256, description: 'For operators; the user does not see it.' },
            until: { type: 'string', description: 'A date and a time of ISO 8601. Default: until it is taken back.' },
          },
          ['until'],
        ),
        response: { 204: schemas.NoContent },
      },
    },
    async (request, reply) => {
      const {
        params: { id },
        body: { reason, until },
      } = request
      const options = { reason, ...(until !== undefined && { until: toDate(until) }), ...causeOf(request) }
      if (!(await weappAuth.disableUser(id, options))) throw noSuchUser()
      return reply.code(204).send(null)
    },
  )

  api.delete(
    '/users/:id/disabled',
    {
      config: { scope: 'write' },
      schema: { summary: 'Let a user sign in again', params: userParams, response: { 204: schemas.NoContent } },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!(await weappAuth.enableUser(id, causeOf(request)))) presentUser(await weappAuth.findUser(id))
      return reply.code(204).send(null)
    },
  )
}

/** With a time zone, so that it means the same here and there. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

function toDate(text: string): Date {
  const date = new Date(text)
  if (ISO_TIME.test(text) && !Number.isNaN(date.getTime())) return date
  throw invalid('until must be a date and a time like 2026-12-31T00:00:00+08:00')
}

import { schemas } from '@weapp-auth/fastify'
import { causeOf } from './callers.ts'
import { ServiceError } from './problems.ts'
import {
  appid,
  externalId,
  noSuchUser,
  notFound,
  object,
  phone,
  presentUser,
  serviceUser,
  toDate,
  toPhone,
  toServiceUser,
  userParams,
} from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

/** Routes that make, name, disable and erase users, and sign them in. */
export const accountsRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  api.post(
    '/users',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'Make a user without a WeChat identity',
        body: object({ externalId, phone }, ['externalId', 'phone']),
        response: { 201: object({ user: serviceUser }) },
      },
    },
    async (request, reply) => {
      const { externalId } = request.body
      const phone = request.body.phone && toPhone(request.body.phone)
      if (phone && (await weappAuth.findUserByPhone(phone))) throw phoneTaken()
      const user = await (externalId === undefined ? weappAuth.createUser() : weappAuth.createUser({ externalId }))
      if (!user) throw externalIdTaken()
      if (phone && !(await weappAuth.setPhone(user.id, phone, causeOf(request))).given) {
        // Another request took the number meanwhile. Nobody knows the new user yet.
        await weappAuth.eraseUser(user.id, causeOf(request))
        throw phoneTaken()
      }
      reply.code(201)
      return { user: toServiceUser(user) }
    },
  )

  api.put(
    '/users/:id/external-id',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'Give a user your own id, or take it away',
        params: userParams,
        body: object({ externalId: { anyOf: [externalId, { type: 'null' }] } }),
        response: { 204: schemas.NoContent },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      presentUser(await weappAuth.findUser(id))
      const result = await weappAuth.setExternalId(id, request.body.externalId, causeOf(request))
      if (!result.set) throw externalIdTaken()
      return reply.code(204).send(null)
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
      const { reason, until } = request.body
      const options = { reason, ...(until !== undefined && { until: toDate('until', until) }), ...causeOf(request) }
      if (!(await weappAuth.disableUser(request.params.id, options))) throw noSuchUser()
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

  api.delete(
    '/users/:id',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'Erase a user for ever',
        description:
          'Also erases the identities, keys, phone number and avatar, and ends the sessions. After a failure, send it again: the erasure continues.',
        params: userParams,
        response: { 204: schemas.NoContent },
      },
    },
    async (request, reply) => {
      if (!(await weappAuth.eraseUser(request.params.id, causeOf(request)))) throw noSuchUser()
      return reply.code(204).send(null)
    },
  )

  api.post(
    '/users/:id/sessions',
    {
      config: { scope: 'issue' },
      schema: {
        summary: 'Sign in a user who has proved to you who they are',
        description:
          'Hand the answer on to the phone as it is: the client’s loginWith() expects it. Only the phone may keep the token.',
        params: userParams,
        body: object(
          {
            appid,
            device: schemas.Device,
            isNew: { type: 'boolean', description: 'Told to the phone. Default: false.' },
            replaces: {
              type: 'string',
              maxLength: 1024,
              description: 'The token that the phone had until now: its session ends. Anything else is ignored.',
            },
          },
          ['device', 'isNew', 'replaces'],
        ),
        response: { 201: schemas.CreateSessionResponse },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { appid, device, isNew, replaces } = request.body
      const about = {
        appid,
        ...(device && { device }),
        ...(isNew !== undefined && { isNew }),
        ...(replaces !== undefined && { authorization: `Bearer ${replaces}` }),
        ...causeOf(request),
      }
      const issued = await weappAuth.issue(id, about).catch(async (error: unknown) => {
        if (!(error instanceof RangeError)) throw error
        presentUser(await weappAuth.findUser(id))
        throw notFound('this appid is not configured here')
      })
      const { session, user } = issued
      request.log.info({ userId: user.id, sessionId: session.id, appid, isNew: user.isNew }, 'signed in')
      reply.code(201)
      return issued
    },
  )
}

function externalIdTaken(): ServiceError {
  return new ServiceError('external_id_taken', 'another user has this externalId: POST /users/find tells who')
}

function phoneTaken(): ServiceError {
  return new ServiceError('phone_taken', 'another user has this phone number: POST /users/find tells who')
}

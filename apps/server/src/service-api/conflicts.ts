import type { UserConflict } from '@weapp-auth/fastify'
import { causeOf } from './callers.ts'
import { ServiceError } from './problems.ts'
import {
  id,
  limitOf,
  next,
  notFound,
  object,
  pageQuery,
  presentUser,
  serviceUser,
  time,
  toServiceUser,
  toTime,
} from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

/** Why two users are not merged, and what to do about it. */
const REFUSALS = {
  identities: 'both users have an identity in one mini-program: WeChat does not take them for one person there',
  external_ids: 'both users have an externalId: take one of them away first, with PUT /users/{id}/external-id',
  disabled: 'one of the users is disabled: enable them first, with DELETE /users/{id}/disabled',
} as const

const CONFLICT_ID = /^([0-9a-f-]{1,64})\.([0-9a-f-]{1,64})$/

/** Routes for conflicts: two users with one unionid, who were users before the unionid was known. */
export const conflictsRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  api.get(
    '/conflicts',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Users whom WeChat takes for one person',
        querystring: pageQuery,
        response: {
          200: object({
            conflicts: {
              type: 'array',
              items: object({ id: { type: 'string' }, at: time, users: { type: 'array', items: serviceUser } }),
            },
            next,
          }),
        },
      },
    },
    async ({ query }) => {
      const limit = limitOf(query)
      const after = query.after === undefined ? null : parseId(query.after)
      const conflicts = await weappAuth.listConflicts({ after, limit })
      const last = conflicts.at(-1)
      return {
        conflicts: await Promise.all(conflicts.map(withUsers)),
        next: conflicts.length < limit || !last ? null : idOf(last),
      }
    },
  )

  api.post(
    '/conflicts/:id/merge',
    {
      config: { scope: 'write' },
      schema: {
        summary: 'Make two users one, after a person has decided so',
        description:
          'The user `keep` gets the identities of the other one, and the other one’s externalId and phone number where `keep` has none. The profile of `keep` stays. The other user is removed; their phones sign in again by themselves.',
        params: object({ id: { type: 'string', maxLength: 256 } }),
        body: object({ keep: { ...id, description: 'The id of the user who stays.' } }),
        response: { 200: object({ user: serviceUser }) },
      },
    },
    async (request) => {
      const { userId, otherUserId } = parseId(request.params.id)
      const { keep } = request.body
      const drop = keep === userId ? otherUserId : userId
      if (keep !== userId && keep !== otherUserId) throw noSuchConflict()
      const result = await weappAuth.mergeUsers({ keep, drop }, causeOf(request))
      if (!result) throw noSuchConflict()
      if (!result.merged) throw new ServiceError('merge_refused', REFUSALS[result.reason])
      request.log.info({ userId: keep, otherUserId: drop }, 'two users were merged')
      return { user: toServiceUser(presentUser(await weappAuth.findUser(keep))) }
    },
  )

  async function withUsers(conflict: UserConflict) {
    const users = await Promise.all([conflict.userId, conflict.otherUserId].map((id) => weappAuth.findUser(id)))
    return {
      id: idOf(conflict),
      at: toTime(conflict.createdAtMs),
      // One of the two may have been erased meanwhile.
      users: users.filter((user) => user !== null).map(toServiceUser),
    }
  }
}

function idOf({ userId, otherUserId }: Pick<UserConflict, 'userId' | 'otherUserId'>): string {
  return `${userId}.${otherUserId}`
}

/** @throws ApiError `not_found` */
function parseId(text: string): Pick<UserConflict, 'userId' | 'otherUserId'> {
  const [, userId, otherUserId] = CONFLICT_ID.exec(text) ?? []
  if (userId === undefined || otherUserId === undefined) throw noSuchConflict()
  return { userId, otherUserId }
}

function noSuchConflict() {
  return notFound('there is no such conflict: GET /conflicts lists those that are left')
}

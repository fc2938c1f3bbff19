import { EVENT_TYPES } from '@weapp-auth/fastify'
import { id, limitOf, next, object, pageQuery, text, time, toDate, toTime } from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

const textOrNull = { type: ['string', 'null'] } as const

/** What happened to users, and who did it. */
export const eventsRoutes: ServiceRoutes = async (api, { weappAuth }) => {
  api.get(
    '/events',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'What happened, newest first',
        querystring: object(
          {
            ...pageQuery.properties,
            userId: id,
            type: { enum: EVENT_TYPES },
            since: { type: 'string', description: 'A date and a time of ISO 8601: nothing older.' },
          },
          ['after', 'limit', 'userId', 'type', 'since'],
        ),
        response: {
          200: object({
            events: {
              type: 'array',
              items: object({
                id: text,
                at: time,
                type: text,
                by: text,
                userId: textOrNull,
                otherUserId: textOrNull,
                data: { type: 'object', additionalProperties: true },
              }),
            },
            next,
          }),
        },
      },
    },
    async ({ query }) => {
      const { after, userId, type, since } = query
      const limit = limitOf(query)
      const events = await weappAuth.listEvents({
        limit,
        ...(after !== undefined && { after }),
        ...(userId !== undefined && { userId }),
        ...(type !== undefined && { type }),
        ...(since !== undefined && { sinceMs: toDate('since', since).getTime() }),
      })
      return {
        events: events.map(({ atMs, ...event }) => ({ ...event, at: toTime(atMs) })),
        next: events.length < limit ? null : (events.at(-1)?.id ?? null),
      }
    },
  )
}

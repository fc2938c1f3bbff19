import { EVENT_TYPES } from '@weapp-auth/fastify'
import { id, limitOf, next, object, pageQuery, text, time, toDate, toTime } from './schemas.ts'
import type { ServiceRoutes } from './typed-routes.ts'

const MAX_RESENT = 1_000
/** The size of a body with `MAX_RESENT` ids of the greatest length. The usual limit of a body is much smaller. */
const MAX_RESEND_BYTES = MAX_RESENT * (id.maxLength + 4)

const textOrNull = { type: ['string', 'null'] } as const

const event = {
  id: text,
  at: time,
  type: text,
  by: text,
  userId: textOrNull,
  otherUserId: textOrNull,
  data: { type: 'object', additionalProperties: true },
} as const

/** Routes for events: what happened to users, and who did it. */
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
            since: { type: 'string', description: 'A date and a time of ISO 8601. Older events are left out.' },
          },
          ['after', 'limit', 'userId', 'type', 'since'],
        ),
        response: {
          200: object({
            events: { type: 'array', items: object(event) },
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

  api.get(
    '/events/given-up',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Events that EVENTS_URL has not taken for about a day',
        querystring: pageQuery,
        response: {
          200: object({
            events: { type: 'array', items: object({ ...event, attempts: { type: 'integer' }, givenUpAt: time }) },
            next,
          }),
        },
      },
    },
    async ({ query }) => {
      const limit = limitOf(query)
      const events = await weappAuth.listGivenUpEvents({ after: query.after ?? null, limit })
      return {
        events: events.map(({ atMs, givenUpAtMs, ...given }) => ({
          ...given,
          at: toTime(atMs),
          givenUpAt: toTime(givenUpAtMs),
        })),
        next: events.length < limit ? null : (events.at(-1)?.id ?? null),
      }
    },
  )

  api.post(
    '/events/resend',
    {
      config: { scope: 'write' },
      bodyLimit: MAX_RESEND_BYTES,
      schema: {
        summary: 'Send events again that were given up',
        body: object({ ids: { type: 'array', items: id, minItems: 1, maxItems: MAX_RESENT } }),
        response: {
          200: object({ resent: { type: 'integer', description: 'How many of these events are sent again.' } }),
        },
      },
    },
    async ({ body }) => ({ resent: await weappAuth.resendEvents(body.ids) }),
  )
}

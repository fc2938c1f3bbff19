import type { KeyMark } from '@weapp-auth/fastify'
import { countRecentAnswers } from './recent-answers.ts'
import { object, text } from './schemas.ts'
import type { GroupOptions, ServiceRoutes } from './typed-routes.ts'

const upOrDown = { enum: ['up', 'down'] } as const
const integerOrNull = { type: ['integer', 'null'] } as const

/** What {@link healthRoutes} is given. */
interface HealthOptions extends GroupOptions {
  /** The keys of the ring in use, the sealing one first. */
  ring: () => readonly KeyMark[]
}

/** The state of the stores, the appSecrets in use, and WeChat's answers of the last hour. It does not ask WeChat. */
export const healthRoutes: ServiceRoutes<HealthOptions> = async (api, { weappAuth, ring }) => {
  const answers = countRecentAnswers()
  api.addHook('onClose', async () => answers.close())

  api.get(
    '/health',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The state of this process, its stores and its mini-programs',
        response: {
          200: object({
            stores: object({ sessions: upOrDown, users: upOrDown }),
            apps: {
              type: 'array',
              items: object({
                appid: text,
                secrets: { type: 'integer', description: 'How many appSecrets are configured.' },
                secretInUse: {
                  ...integerOrNull,
                  description:
                    'The appSecret that WeChat accepted last, counted from 1. Null: none since this process started.',
                },
                accessTokenExpiresIn: {
                  ...integerOrNull,
                  description:
                    'For how many seconds the present access_token is still handed out. Null: there is none.',
                },
              }),
            },
            keyRing: {
              type: 'array',
              description:
                'The keys of SESSION_KEY_KEYS by name and fingerprint, which do not tell the keys. The first one seals.',
              items: object({ kid: text, fingerprint: text }),
            },
            events: {
              anyOf: [
                object({
                  undelivered: { type: 'integer', description: 'How many wait; 10 000 at most are counted.' },
                  oldestUndeliveredSeconds: { type: 'integer', description: 'The age of the oldest of them.' },
                  givenUp: { type: 'integer', description: 'How many are not tried any more; 10 000 at most.' },
                }),
                { type: 'null' },
              ],
              description: 'What EVENTS_URL has not taken. Null: there is no EVENTS_URL, or the users’ store is away.',
            },
            wechat: {
              type: 'array',
              description: 'What WeChat answered this process in the last hour, the most frequent first.',
              items: object(
                { operation: text, outcome: text, errcode: { type: 'integer' }, count: { type: 'integer' } },
                ['errcode'],
              ),
            },
          }),
        },
      },
    },
    async () => {
      const { stores, apps, events } = await weappAuth.inspect()
      return {
        stores,
        apps: apps.map(({ accessTokenTtlMs, ...app }) => ({
          ...app,
          accessTokenExpiresIn: accessTokenTtlMs === null ? null : Math.floor(accessTokenTtlMs / 1000),
        })),
        keyRing: [...ring()],
        events: events && {
          undelivered: events.undelivered,
          oldestUndeliveredSeconds: events.oldestAtMs === null ? 0 : ageSecondsOf(events.oldestAtMs),
          givenUp: events.givenUp,
        },
        wechat: answers.list(),
      }
    },
  )
}

/** By a clock that may be behind the one of the process that wrote it. */
function ageSecondsOf(atMs: number): number {
  return Math.max(0, Math.floor((Date.now() - atMs) / 1000))
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ROUTES } from '@weapp-auth/shared'
import type { SessionStore } from '../../sessions/session-store.ts'
import type { UserStore } from '../../users/users.ts'
import { LivenessResponse, ReadinessResponse } from '../schemas.ts'

/** A store that takes longer is down for whoever asks. */
const PING_DEADLINE_MS = 1_000

export interface HealthRoutesOptions {
  sessions: SessionStore
  users: UserStore
}

export const healthRoutes: FastifyPluginAsyncTypebox<HealthRoutesOptions> = async (app, { sessions, users }) => {
  app.get(ROUTES.livez, { schema: { response: { 200: LivenessResponse } } }, async () => ({ status: 'live' as const }))

  app.get(
    ROUTES.readyz,
    { schema: { response: { 200: ReadinessResponse, 503: ReadinessResponse } } },
    async (_request, reply) => {
      const [sessionsAre, usersAre] = await Promise.all([ask(sessions), ask(users)])
      // Without users nobody new signs in, but whoever is signed in keeps working: no reason to send them away.
      const isReady = sessionsAre === 'up'
      reply.code(isReady ? 200 : 503).header('cache-control', 'no-store')
      return {
        status: isReady ? ('ready' as const) : ('unavailable' as const),
        stores: { sessions: sessionsAre, users: usersAre },
      }
    },
  )
}

async function ask(store: { ping(): Promise<void> }): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), PING_DEADLINE_MS)
  })
  const answer = store.ping().then(
    () => 'up' as const,
    () => 'down' as const,
  )
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

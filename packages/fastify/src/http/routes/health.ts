import { setTimeout as sleep } from 'node:timers/promises'
import { ROUTES } from '@weapp-auth/shared'
import type { SessionStore } from '../../sessions/session-store.ts'
import type { UserStore } from '../../users/users.ts'
import { LivenessResponse, ReadinessResponse } from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

/** A store that has not answered after this long counts as down. */
const PING_DEADLINE_MS = 700
const RETRY_DELAY_MS = 250

/** The stores that are asked whether they answer. */
export interface HealthRoutesOptions {
  sessions: SessionStore
  users: UserStore
}

/**
 * `/readyz` is 200 while the session store answers, and after the user store has answered once. Later the user store may be
 * away: then nobody new can sign in, but users who are signed in keep working.
 */
export const healthRoutes: TypedRoutes<HealthRoutesOptions> = async (app, { sessions, users }) => {
  let usersWereUp = false
  const stopping = new AbortController()
  app.addHook('onClose', async () => stopping.abort())
  void untilUp(users, stopping.signal).then((isUp) => {
    usersWereUp ||= isUp
  })

  app.get(ROUTES.livez, { schema: { response: { 200: LivenessResponse } } }, async () => ({ status: 'live' as const }))

  app.get(
    ROUTES.readyz,
    { schema: { response: { 200: ReadinessResponse, 503: ReadinessResponse } } },
    async (_request, reply) => {
      const [sessionsAre, usersAre] = await Promise.all([askStore(sessions), askStore(users)])
      usersWereUp ||= usersAre === 'up'
      const warnings = [...(sessions.findWarnings?.() ?? [])]
      const isReady = sessionsAre === 'up' && usersWereUp
      reply.code(isReady ? 200 : 503).header('cache-control', 'no-store')
      return {
        status: isReady ? ('ready' as const) : ('unavailable' as const),
        stores: { sessions: sessionsAre, users: usersAre },
        ...(warnings.length > 0 && { warnings }),
      }
    },
  )
}

/** Asks until the store answers; false when it was told to stop before. */
async function untilUp(store: UserStore, stopping: AbortSignal): Promise<boolean> {
  while (!stopping.aborted) {
    if ((await askStore(store)) === 'up') return true
    await sleep(RETRY_DELAY_MS, undefined, { ref: false })
  }
  return false
}

/** Whether a store answers within a moment. */
export async function askStore(store: { ping(): Promise<void> }): Promise<'up' | 'down'> {
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

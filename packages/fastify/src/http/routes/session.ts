import { ROUTES } from '@weapp-auth/shared'
import { ApiError } from '../../api-error.ts'
import type { Session, Sessions } from '../../sessions/sessions.ts'
import type { RecentUsers } from '../../users/recent-users.ts'
import { present, sessionSummary, wireUser } from '../bodies.ts'
import { getSession } from '../plugins/authenticate.ts'
import { GetSessionResponse, NoContent } from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

/** Where the session and its user are. */
export interface SessionRoutesOptions {
  sessions: Sessions
  recentUsers: RecentUsers
  now: () => number
}

/** The session of the caller's own token. */
export const sessionRoutes: TypedRoutes<SessionRoutesOptions> = async (app, { sessions, recentUsers, now }) => {
  app.get(ROUTES.session, { schema: { response: { 200: GetSessionResponse } } }, async (request) => {
    const session = await getSession(request, sessions)
    const user = present(await recentUsers.find(session.userId))
    return {
      session: sessionSummary(session),
      user: wireUser(user),
      expiresIn: Math.floor((session.expiresAtMs - now()) / 1000),
    }
  })

  app.delete(ROUTES.session, { schema: { response: { 204: NoContent } } }, async (request, reply) => {
    const session = await getSession(request, sessions).catch(nullWhenEnded)
    if (session) await sessions.revoke(session.userId, session.id, 'signed_out')
    return reply.code(204).send(null)
  })
}

/** Signing out of a session that has ended is a success. */
function nullWhenEnded(error: unknown): Session | null {
  if (error instanceof ApiError && (error.code === 'session_invalid' || error.code === 'session_revoked')) return null
  throw error
}

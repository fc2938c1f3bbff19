import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError } from '../../api-error.ts'
import type { Session, Sessions } from '../../sessions/sessions.ts'

/** Who is calling, on a route guarded with `app.authenticate`. */
export interface RequestAuth {
  userId: string
  sessionId: string
  appid: string
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Lets a request pass only with the token of a live session: `app.get(path, { onRequest: app.authenticate }, …)`.
     *
     * @throws ApiError `session_missing`, `session_malformed`, `session_invalid`, `session_revoked`, all 401, or
     * `store_unavailable`, 503
     */
    authenticate(request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** Reading it on a route without the guard throws. */
    auth: RequestAuth
  }
}

const kAuth = Symbol('weapp-auth.auth')

interface WithAuth {
  [kAuth]?: RequestAuth | null
}

export const authenticate = fp(
  async (app: FastifyInstance, { sessions }: { sessions: Sessions }) => {
    app.decorateRequest(kAuth, null)
    app.decorateRequest('auth', {
      getter(this: FastifyRequest) {
        const auth = (this as WithAuth)[kAuth]
        if (auth) return auth
        throw new Error('request.auth needs the guard: register the route with { onRequest: app.authenticate }')
      },
    })
    app.decorate('authenticate', async (request: FastifyRequest) => {
      const found = sessions.getRecord(parseBearer(request.headers.authorization))
      // A remembered session is no promise: the guard then waits for nothing.
      const { id: sessionId, userId, appid } = found instanceof Promise ? await found : found
      ;(request as WithAuth)[kAuth] = { userId, sessionId, appid }
    })
  },
  { name: '@weapp-auth/authenticate', fastify: '5.x' },
)

/** The live session of a request. Throws at once without a token to look for. */
export function getSession(request: FastifyRequest, sessions: Sessions): Promise<Session> {
  return sessions.get(parseBearer(request.headers.authorization))
}

/** The token in a header that nobody asked for: null for none, and for anything that is not sent as one. */
export function findBearer(header: string | undefined): string | null {
  return /^bearer +(.+)$/i.exec(header ?? '')?.[1] ?? null
}

/**
 * The token of an `Authorization: Bearer <token>` header (RFC 6750 section 2.1; the scheme in any case, RFC 9110
 * section 11.1). Another scheme is no attempt to present a session token.
 */
export function parseBearer(header: string | undefined): string {
  const credentials = /^bearer(?!\S) *(.*)$/i.exec(header ?? '')
  if (!credentials) {
    throw new ApiError('session_missing', 'no bearer token', {
      detail: 'send the header Authorization: Bearer <token>',
    })
  }
  const token = credentials[1]
  if (!token) {
    throw new ApiError('session_malformed', 'no token after Bearer', {
      detail: 'the header must be Authorization: Bearer <token>',
    })
  }
  return token
}

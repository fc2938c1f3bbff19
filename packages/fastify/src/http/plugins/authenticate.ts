import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError } from '../../api-error.ts'
import type { SessionRecord } from '../../sessions/session-store.ts'
import type { Session, Sessions } from '../../sessions/sessions.ts'
import { answerUnhandled } from './problems.ts'

/** The user who sent the request, on a route with the guard `authenticate`. */
export interface RequestAuth {
  userId: string
  sessionId: string
  appid: string
  /** The host's own id for the user; null: none was given. */
  externalId: string | null
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The user who sent the request. Reading it on a route without the guard {@link authenticate} throws. */
    auth: RequestAuth
  }
}

const kSessions = Symbol('weapp-auth.sessions')
const kAuth = Symbol('weapp-auth.auth')

interface WithSessions {
  [kSessions]?: Sessions
}

interface WithAuth {
  [kAuth]?: RequestAuth | null
}

/**
 * The guard: a request passes only with the token of a live session, and then `request.auth` says whose it is. Use it on a
 * route, `app.get(path, { onRequest: authenticate }, …)`, or on all routes of a scope,
 * `app.addHook('onRequest', authenticate)`, before or after `weappAuth` was registered.
 *
 * What it throws goes to the error handler of the route or of the application, where there is one, and is answered as a
 * problem where there is none.
 *
 * @throws ApiError `session_missing`, `session_malformed`, `session_invalid`, `session_revoked`, all 401, or
 * `store_unavailable`, 503
 * @throws Error, 500, on every request when `weappAuth` is not registered on the application or on a parent of it
 */
export async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const sessions = (request.server as WithSessions)[kSessions]
  if (!sessions) {
    throw new Error('the guard refuses everybody: register weappAuth on this application, or on a parent of it')
  }
  try {
    const found = sessions.getRecord(parseBearer(request.headers.authorization))
    // A remembered session comes without a promise, so that the guard does not wait for it.
    ;(request as WithAuth)[kAuth] = authOf(found instanceof Promise ? await found : found)
  } catch (error) {
    answerUnhandled(error, request, reply)
    throw error
  }
}

/** What a guarded request knows about the session of its token. */
export function authOf({ id, userId, appid, externalId }: SessionRecord): RequestAuth {
  return { userId, sessionId: id, appid, externalId: externalId ?? null }
}

/** Gives the guard the sessions of this application, and adds `request.auth`. */
export const guardedRequests = fp(
  async (app: FastifyInstance, { sessions }: { sessions: Sessions }) => {
    // Symbols, so that no name is taken that another plugin may want.
    app.decorate(kSessions, sessions)
    app.decorateRequest(kAuth, null)
    app.decorateRequest('auth', {
      getter(this: FastifyRequest) {
        const auth = (this as WithAuth)[kAuth]
        if (auth) return auth
        throw new Error('request.auth needs the guard: register the route with { onRequest: authenticate }')
      },
    })
  },
  { name: '@weapp-auth/guarded-requests', fastify: '5.x' },
)

/** The live session of a request. Throws at once when the request has no well-formed token. */
export function getSession(request: FastifyRequest, sessions: Sessions): Promise<Session> {
  return sessions.get(parseBearer(request.headers.authorization))
}

/** The token of an Authorization header that a request may have; null when it has no bearer token. */
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

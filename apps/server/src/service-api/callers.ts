import type { Actor } from '@weapp-auth/fastify'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ServiceError } from './problems.ts'
import { findServiceToken, SCOPES, type Scope, type ServiceToken } from './tokens.ts'

/** Who sends a request to the service API. */
export interface Caller {
  /** Written on each event that the request causes: `service:<name of the token>` or `operator:<name>`. */
  by: Actor
  scopes: ReadonlySet<Scope>
}

/** Finds out who sends a request. @throws ServiceError `service_token_invalid` */
export type Identify = (request: FastifyRequest) => Caller

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The scope that a caller of this route needs; `none`: anybody who reaches the listener may use it. */
    scope?: Scope | 'none'
  }
  interface FastifyRequest {
    /** Who sent this request of the service API; null on a route that asks for no scope. */
    caller: Caller | null
  }
}

/** The header in which the command line says who uses it. It is read on the operator's own socket and nowhere else. */
export const OPERATOR_HEADER = 'x-weapp-auth-operator'

const OPERATOR = /^[\w.@-]{1,64}$/

/**
 * Finds callers by `Authorization: Bearer <token>`, or by HTTP Basic with the token as the password, which ready-made clients of
 * introspection send. `tokens` is called for each request, because the tokens may be replaced while the service runs.
 */
export function identifyByToken(tokens: () => readonly ServiceToken[]): Identify {
  return ({ headers }) => {
    const presented = findPresented(headers.authorization)
    if (presented === null) throw refuse('send the header Authorization: Bearer <service token>')
    const token = findServiceToken(tokens(), presented)
    if (!token) throw refuse('this is no token of SERVICE_TOKENS')
    return { by: `service:${token.name}`, scopes: token.scopes }
  }
}

/** For callers whom the file system has let in, or who are this process: they may do everything. */
export const identifyOperator: Identify = ({ headers }) => {
  const name = headers[OPERATOR_HEADER]
  return {
    by: `operator:${typeof name === 'string' && OPERATOR.test(name) ? name : 'unknown'}`,
    scopes: new Set(SCOPES),
  }
}

/** Lets a request pass when its caller has the scope of its route. Without a scope of its own a route lets nobody in. */
export function guardRoutes(api: FastifyInstance, identify: Identify): void {
  api.decorateRequest('caller', null)
  api.addHook('onRequest', (request, reply, done) => {
    const { scope } = request.routeOptions.config
    if (scope === 'none') return done()
    // Before the check for an unknown route, so that a caller without a token does not learn which routes exist.
    const caller = identify(request)
    request.caller = caller
    request.log = reply.log = request.log.child({ by: caller.by })
    if (request.is404) return done()
    if (scope === undefined) throw new Error('this route of the service API asks for no scope')
    if (!caller.scopes.has(scope)) {
      throw new ServiceError('scope_missing', `this needs a token with the scope ${scope}`, { scope })
    }
    done()
  })
}

/** The caller of a route that needs a scope, as the option `by` of functions that change a user. */
export function causeOf({ caller }: FastifyRequest): { by: Actor } {
  if (!caller) throw new Error('this route of the service API asks for no scope')
  return { by: caller.by }
}

function findPresented(header = ''): string | null {
  const bearer = /^bearer +(\S+)$/i.exec(header)?.[1]
  if (bearer !== undefined) return bearer
  const basic = /^basic +([\w+/=-]+)$/i.exec(header)?.[1]
  return basic === undefined ? null : (/:(.+)/s.exec(Buffer.from(basic, 'base64').toString())?.[1] ?? null)
}

function refuse(detail: string): ServiceError {
  return new ServiceError('service_token_invalid', detail)
}

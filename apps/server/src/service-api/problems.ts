import { sendProblem } from '@weapp-auth/fastify'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Scope } from './tokens.ts'

/** The problem codes that only the service API has. The others are those of `/v1`. */
export const SERVICE_PROBLEMS = {
  service_token_invalid: { status: 401, title: 'A service token is required' },
  scope_missing: { status: 403, title: 'The service token may not do this' },
  external_id_taken: { status: 409, title: 'Another user has this externalId' },
  phone_taken: { status: 409, title: 'Another user has this phone number' },
  identity_taken: { status: 409, title: 'Another user has this WeChat identity' },
  identity_exists: { status: 409, title: 'The user has another WeChat identity in this mini-program' },
  merge_refused: { status: 409, title: 'These users cannot be merged' },
} as const

/** One of these codes. */
export type ServiceProblemCode = keyof typeof SERVICE_PROBLEMS

/** A mistake of the caller, or a state that refuses the request, as a problem of the service API. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError'
  readonly code: ServiceProblemCode
  /** For the caller to read; it holds no token and nothing of WeChat. */
  readonly detail: string
  /** With `scope_missing`: the scope that the route asks for. */
  readonly scope: Scope | undefined

  constructor(code: ServiceProblemCode, detail: string, options: { scope?: Scope } = {}) {
    super(detail)
    this.code = code
    this.detail = detail
    this.scope = options.scope
  }
}

const REALM = 'Bearer realm="weapp-auth service"'

/** An error handler that answers any error as a problem (RFC 9457), as `/v1` does. */
export function sendServiceProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!(error instanceof ServiceError)) return sendProblem(error, request, reply)
  const { code, detail, scope } = error
  const { status, title } = SERVICE_PROBLEMS[code]
  request.log.info({ code }, detail)
  if (status === 401) reply.header('www-authenticate', REALM)
  if (scope !== undefined) {
    reply.header('www-authenticate', `${REALM}, error="insufficient_scope", scope="${scope}"`)
  }
  return reply
    .code(status)
    .type('application/problem+json')
    .send(
      JSON.stringify({ type: `urn:weapp-auth:problem:${code}`, title, status, code, requestId: request.id, detail }),
    )
}

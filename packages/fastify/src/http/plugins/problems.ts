import { STATUS_CODES } from 'node:http'
import type { Problem, ProblemCode } from '@weapp-auth/shared'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError } from '../../api-error.ts'
import { createOutageLog, type OutageLog } from '../../outage-log.ts'

const TITLES: Record<ProblemCode, string> = {
  request_invalid: 'The request is not valid',
  code_invalid: 'The login code is not valid',
  session_missing: 'A session token is required',
  session_malformed: 'The session token is malformed',
  session_invalid: 'The session has expired or does not exist',
  session_revoked: 'The session was ended',
  wechat_user_blocked: 'WeChat has blocked this user',
  user_disabled: 'This account is disabled',
  appid_unknown: 'This mini-program is not known here',
  not_found: 'Not found',
  code_used: 'The login code was used before',
  login_in_progress: 'This login code is being exchanged',
  session_key_stale: 'The data cannot be read with the current session key',
  payload_too_large: 'The request body is too large',
  media_type_unsupported: 'The request body must be application/json',
  rate_limited: 'Too many requests',
  wechat_rate_limited: 'WeChat limits this user for a moment',
  internal: 'Something went wrong on the server',
  wechat_misconfigured: 'The server is not set up correctly',
  wechat_bad_response: 'WeChat sent an unusable answer',
  wechat_unreachable: 'WeChat cannot be reached',
  wechat_busy: 'WeChat is busy',
  store_unavailable: 'The service is not available for a moment',
  overloaded: 'The service is overloaded',
  shutting_down: 'The service is restarting',
  wechat_timeout: 'WeChat did not answer in time',
}

/** RFC 6750 section 3: at least one parameter, and no error code where no token was sent. */
const REALM = 'Bearer realm="weapp-auth"'

/**
 * Answers every error and every unknown path of the application it is registered in as a problem (RFC 9457). The plugin
 * `weappAuth` does so for its own routes by itself; register this one as well when your whole application should.
 */
export const problems = fp(
  async (app: FastifyInstance) => {
    app.setErrorHandler(sendProblem)
    app.setNotFoundHandler((request, reply) =>
      sendProblem(
        new ApiError('not_found', 'no such route', { detail: 'there is nothing at this path' }),
        request,
        reply,
      ),
    )
  },
  { name: '@weapp-auth/problems', fastify: '5.x' },
)

/**
 * Our error handler; as Fastify's option `frameworkErrors` it answers an address that cannot be decoded. What is not in
 * the wire contract leaves as `internal`, and only the log says what it was.
 */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toApiError(error)
  const ownStatus = problem.code === 'internal' ? findRefusalStatus(error) : null
  if (ownStatus !== null) {
    request.log.info({ status: ownStatus }, 'refused by the host application')
    // RFC 9457 section 4.2.1: a problem that says no more than its status.
    const title = STATUS_CODES[ownStatus] ?? ''
    return send(reply, { type: 'about:blank', title, status: ownStatus, requestId: request.id })
  }
  const { code, statusCode, detail, reason } = problem
  if (statusCode >= 500) logFailure(request, problem, problem.code === 'internal' ? error : problem)
  else request.log.info({ code }, problem.message)
  if (statusCode === 401) {
    reply.header('www-authenticate', code === 'session_missing' ? REALM : `${REALM}, error="invalid_token"`)
  }
  const retryAfterSeconds = problem.retryAfterSeconds ?? findRetryAfter(statusCode, reply)
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds)
  const body: Problem = {
    type: `urn:weapp-auth:problem:${code}`,
    title: TITLES[code],
    status: statusCode,
    code,
    requestId: request.id,
    ...(detail !== undefined && { detail }),
    ...(reason !== undefined && { reason }),
  }
  return send(reply, body)
}

/** For an error of the host, or of another plugin, that says "not now" and leaves it to us to say when. */
function findRetryAfter(statusCode: number, reply: FastifyReply): number | undefined {
  const seconds: Readonly<Record<number, number>> = { 429: 60, 503: 1 }
  return reply.hasHeader('retry-after') ? undefined : seconds[statusCode]
}

/** What nobody expected is always worth a line. */
function logFailure(request: FastifyRequest, { code, message }: ApiError, err: unknown): void {
  if (code === 'internal') {
    request.log.error({ err }, message)
    return
  }
  findOutageLog(request.server).repeat(code, (counted) => request.log.error({ err, ...counted }, message))
}

/** By application, of which there may be several in a process. */
const outageLogs = new WeakMap<object, OutageLog>()

export function setOutageLog({ server }: FastifyInstance, outageLog: OutageLog): void {
  outageLogs.set(server, outageLog)
}

function findOutageLog({ server }: FastifyInstance): OutageLog {
  const outageLog = outageLogs.get(server) ?? createOutageLog()
  outageLogs.set(server, outageLog)
  return outageLog
}

/** As text, so that no response schema of the route it happened in takes fields away. */
function send(reply: FastifyReply, body: Partial<Problem> & { status: number }): FastifyReply {
  return reply
    .code(body.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(body))
}

/**
 * Makes an ApiError (`app.authenticate` refused, a store is down) a problem on the host's routes too, and hands every
 * other error on to the host's own handler.
 */
export function answerApiErrors(route: RouteOptions): void {
  const { errorHandler } = route
  route.errorHandler = function (error: FastifyError, request, reply) {
    if (error instanceof ApiError) return void sendProblem(error, request, reply)
    if (errorHandler) return errorHandler.call(this, error, request, reply)
    // Thrown again, what is no Error would be sent as the answer, with status 200.
    if (!((error as unknown) instanceof Error)) return reply.server.errorHandler(error, request, reply)
    throw error
  }
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (!(error instanceof Error)) return new ApiError('internal', 'something was thrown that is no error')
  const { validation, validationContext, code, statusCode } = error as FastifyError
  if (validation) return invalidRequest(describe(validation, validationContext))
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ApiError('media_type_unsupported', code, { detail: 'send the body as application/json' })
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ApiError('payload_too_large', code, { detail: 'the body is larger than this route takes' })
  }
  if (code?.startsWith('FST_ERR_CTP_') && statusCode === 400) return invalidRequest('the body is not valid JSON')
  return fromStatus(statusCode, code) ?? new ApiError('internal', 'an unexpected error', { cause: error })
}

/** Errors of other plugins (a limiter, load shedding) say what they mean with a status. */
function fromStatus(status: number | undefined, code: string | undefined): ApiError | null {
  const meanings: Record<number, ProblemCode> = {
    400: 'request_invalid',
    404: 'not_found',
    413: 'payload_too_large',
    415: 'media_type_unsupported',
    429: 'rate_limited',
    503: 'overloaded',
  }
  const meaning = status === undefined ? undefined : meanings[status]
  return meaning ? new ApiError(meaning, code ?? `status ${status}`) : null
}

/**
 * The status of another plugin's refusal that the wire contract has no code for (405, 403 of an address filter). Not
 * 401: that one means the session token and nothing else.
 */
function findRefusalStatus(error: unknown): number | null {
  if (!(error instanceof Error)) return null
  const { statusCode: status = 500 } = error as FastifyError
  return status >= 400 && status < 500 && status !== 401 && status in STATUS_CODES ? status : null
}

function invalidRequest(detail: string): ApiError {
  return new ApiError('request_invalid', detail, { detail })
}

/** Names the field and the rule, never the value. */
function describe(validation: NonNullable<FastifyError['validation']>, context = 'body'): string {
  // Of a union each branch complains; the last one speaks for the whole.
  const { instancePath, keyword, message, params } = validation.at(-1) as (typeof validation)[number]
  const path = instancePath.slice(1).replaceAll('/', '.')
  if (keyword === 'required') {
    const missing = (params as { requiredProperties: string[] }).requiredProperties
    return missing.map((name) => `${path ? `${path}.${name}` : name} is missing`).join(', ')
  }
  const allowed = validation.flatMap(({ keyword, params }) => (keyword === 'const' ? [params.allowedValue] : []))
  if (allowed.length > 0) return `${path} must be one of ${allowed.join(', ')}`
  return `${path || context} ${message}`
}

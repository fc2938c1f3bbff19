import { PROBLEM_STATUS, type Problem, type ProblemCode } from '@weapp-auth/shared'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError } from '../../api-error.ts'
import { tellProblem } from '../../diagnostics.ts'
import type { OutageLog } from '../../outage-log.ts'
import { reasonOf } from '../../store-failure.ts'

/** Not imported: an import of `node:http` loads all that it can export, Node's own undici too, a tenth of a start. */
const { STATUS_CODES } = process.getBuiltinModule('node:http')

const TITLES: Record<ProblemCode, string> = {
  request_invalid: 'The request is not valid',
  code_invalid: 'The login code is not valid',
  phone_code_invalid: 'The phone code is not valid',
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
  media_type_unsupported: 'The media type of the request body is not supported',
  rate_limited: 'Too many requests',
  wechat_rate_limited: 'WeChat limits this user for a moment',
  internal: 'Something went wrong on the server',
  wechat_misconfigured: 'The server is not set up correctly',
  wechat_bad_response: 'WeChat sent an unusable answer',
  wechat_unreachable: 'WeChat cannot be reached',
  wechat_busy: 'WeChat is busy',
  store_unavailable: 'The service is not available for a moment',
  hook_unavailable: 'Sign-ins cannot be checked for a moment',
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
 * An error handler that answers any error as a problem: give it to `setErrorHandler` or, for addresses that cannot be
 * decoded, to Fastify's option `frameworkErrors`; or call it from a handler of your own. An error that is not in the wire
 * contract leaves as `internal`, and only the log says what it was. Nothing of the error is trusted: anything can be thrown.
 */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toApiError(error)
  const ownStatus = problem.code === 'internal' ? findForeignStatus(error) : null
  if (ownStatus !== null) {
    request.log.info({ status: ownStatus }, 'refused by the host application')
    // RFC 9457 section 4.2.1: a problem that says no more than its status.
    const title = STATUS_CODES[ownStatus] ?? ''
    return send(reply, { type: 'about:blank', title, status: ownStatus, requestId: request.id })
  }
  const { code, statusCode, detail, reason } = problem
  tellProblem({ request, code })
  if (statusCode >= 500) logFailure(request, problem, error)
  else request.log.info({ code, ...problem.logFields }, problem.message)
  if (statusCode === 401) {
    reply.header('www-authenticate', code === 'session_missing' ? REALM : `${REALM}, error="invalid_token"`)
  }
  const retryAfterSeconds = problem.retryAfterSeconds ?? findRetryAfter(statusCode, reply)
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds)
  const type = `urn:weapp-auth:problem:${code}`
  return send(reply, { type, title: TITLES[code], status: statusCode, code, requestId: request.id, detail, reason })
}

/** The Retry-After for an error of the host, or of another plugin, that has none. */
function findRetryAfter(statusCode: number, reply: FastifyReply): number | undefined {
  const seconds: Readonly<Record<number, number>> = { 429: 60, 503: 1 }
  return reply.hasHeader('retry-after') ? undefined : seconds[statusCode]
}

const kOutageLog = Symbol('weapp-auth.outage-log')

/** Lets all failures of this application with the same code share one line of the log a second. */
export const countedFailures = fp(
  async (app: FastifyInstance, { outageLog }: { outageLog: OutageLog }) => {
    app.decorate(kOutageLog, outageLog)
  },
  { name: '@weapp-auth/counted-failures', fastify: '5.x' },
)

/** An `internal` error is a mistake in the code, and is logged each time; an outage, once a second. */
function logFailure(request: FastifyRequest, { code, message, logFields }: ApiError, err: unknown): void {
  const outageLog = (request.server as { [kOutageLog]?: OutageLog })[kOutageLog]
  const log = (counted = {}) => {
    try {
      request.log.error({ err, ...logFields, ...counted }, message)
    } catch {
      // The logger writes a mark on the error while it prints it, and a frozen error refuses that; or a getter of the error
      // throws.
      request.log.error({ reason: readReason(err), ...counted }, message)
    }
  }
  if (code === 'internal' || !outageLog) log()
  else outageLog.repeat(code, log)
}

function readReason(error: unknown): string {
  try {
    return reasonOf(error)
  } catch {
    return 'it cannot be read'
  }
}

/** What is undefined is not sent. */
type ProblemBody = { [Name in keyof Problem]?: Problem[Name] | undefined } & { status: number }

/** Sends the problem as text, because a response schema of the route would remove fields. */
function send(reply: FastifyReply, body: ProblemBody): FastifyReply {
  return reply
    .code(body.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(body))
}

/**
 * On a route of the host application: an ApiError that no error handler of the host takes is answered as a problem. Every
 * other error goes where it would go without us.
 */
export function answerApiErrors(route: RouteOptions): void {
  route.errorHandler ??= (error: unknown, request, reply) => {
    if (error instanceof ApiError) {
      if (!hasErrorHandler(request.server)) return void sendProblem(error, request, reply)
      answerUnhandled(error, request, reply)
    }
    // If a value that is no Error were thrown again, Fastify would send it as the answer, with status 200.
    if (!(error instanceof Error)) return reply.server.errorHandler(error as never, request, reply)
    throw error
  }
}

/** Whether the host application has set an error handler; Fastify's own has this name. */
function hasErrorHandler({ errorHandler }: FastifyInstance): boolean {
  return errorHandler.name !== 'defaultErrorHandler'
}

const kUnhandled = Symbol('weapp-auth.unhandled')

/** The error that is about to be thrown, and whether Fastify has passed it to the next error handler. */
interface Unhandled {
  error: unknown
  isPassedOn: boolean
}

/**
 * Answers `error` as a problem if no error handler takes it, also on a route that was registered before the plugin, which
 * {@link answerApiErrors} has not seen. To be called right before `error` is thrown.
 *
 * Fastify passes a thrown error to the next error handler with `reply.send(error)`. Its own handler, which is always the
 * last one, calls `reply.send(error)` once more: then nobody has handled it.
 */
export function answerUnhandled(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const marked = reply as FastifyReply & { [kUnhandled]?: Unhandled }
  const unhandled: Unhandled = Object.assign(marked[kUnhandled] ?? {}, { error, isPassedOn: false })
  if (marked[kUnhandled]) return
  marked[kUnhandled] = unhandled
  const { send } = reply
  reply.send = function (payload) {
    if (payload !== unhandled.error) return send.call(this, payload)
    if (unhandled.isPassedOn) {
      reply.send = send
      return sendProblem(payload, request, reply)
    }
    unhandled.isPassedOn = true
    return send.call(this, payload)
  }
}

function toApiError(error: unknown): ApiError {
  try {
    return classify(error)
  } catch {
    return new ApiError('internal', 'something was thrown that cannot be read')
  }
}

function classify(error: unknown): ApiError {
  if (error instanceof ApiError) return parseApiError(error)
  if (!(error instanceof Error)) return new ApiError('internal', 'something was thrown that is no error')
  const { validation, validationContext, code, statusCode } = error as unknown as Record<string, unknown>
  if (Array.isArray(validation)) return invalidRequest(describe(validation, validationContext))
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ApiError('media_type_unsupported', code, { detail: 'send the body as application/json' })
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ApiError('payload_too_large', code, { detail: 'the body is larger than this route takes' })
  }
  if (String(code).startsWith('FST_ERR_CTP_') && statusCode === 400) return invalidRequest('the body is not valid JSON')
  return fromStatus(statusCode, code) ?? new ApiError('internal', 'an unexpected error', { cause: error })
}

/** JavaScript without types may have given the error a code that does not exist, or a time that is no number. */
function parseApiError(error: ApiError): ApiError {
  const { code, message, detail, reason, retryAfterSeconds, logFields } = error
  if (!Object.hasOwn(PROBLEM_STATUS, code)) return new ApiError('internal', `an ApiError has the code ${code}`)
  return new ApiError(code, message, {
    ...(typeof detail === 'string' && { detail }),
    ...(typeof reason === 'string' && { reason }),
    ...(Number.isSafeInteger(retryAfterSeconds) && { retryAfterSeconds: retryAfterSeconds as number }),
    ...(typeof logFields === 'object' && { logFields }),
    cause: error.cause,
  })
}

/** Errors of other plugins (a limiter, load shedding) say what they mean with a status. */
function fromStatus(status: unknown, code: unknown): ApiError | null {
  const meanings: Readonly<Record<number, ProblemCode>> = {
    400: 'request_invalid',
    404: 'not_found',
    413: 'payload_too_large',
    415: 'media_type_unsupported',
    429: 'rate_limited',
    503: 'overloaded',
  }
  const meaning = typeof status === 'number' ? meanings[status] : undefined
  return meaning ? new ApiError(meaning, String(code ?? `status ${status}`)) : null
}

/**
 * The status of another plugin's 4xx that the wire contract has no code for (405, 403 of an address filter). Not
 * 401: that one means the session token and nothing else.
 */
function findForeignStatus(error: unknown): number | null {
  try {
    const { statusCode: status } = error as { statusCode?: unknown }
    const isForeign = error instanceof Error && typeof status === 'number' && status in STATUS_CODES
    return isForeign && status >= 400 && status < 500 && status !== 401 ? status : null
  } catch {
    return null
  }
}

function invalidRequest(detail: string): ApiError {
  return new ApiError('request_invalid', detail, { detail })
}

interface ValidationError {
  instancePath?: unknown
  keyword?: unknown
  message?: unknown
  params?: unknown
}

/**
 * Names the field and the rule, never the value. Of several fields it names the last; of that field it uses all errors, because
 * there is one for each missing property, and in a union one for each branch before that of the union itself.
 */
function describe(validation: readonly unknown[], context: unknown): string {
  const errors = validation.map((error) => Object(error) as ValidationError)
  const { instancePath, keyword, message = 'is not valid' } = errors.at(-1) as ValidationError
  const path = String(instancePath ?? '')
    .slice(1)
    .replaceAll('/', '.')
  const params = errors
    .filter((error) => error.instancePath === instancePath)
    .map((error) => Object(error.params) as Record<string, unknown>)
  if (keyword === 'required') {
    // `missingProperty` comes from Ajv, `requiredProperties` from TypeBox.
    const missing = params.flatMap(
      ({ missingProperty, requiredProperties }) => requiredProperties ?? missingProperty ?? [],
    )
    return missing.map((name) => `${path ? `${path}.${name}` : name} is missing`).join(', ')
  }
  const allowed = params.flatMap(({ allowedValue, allowedValues }) => allowedValues ?? allowedValue ?? [])
  if (allowed.length > 0) return `${path} must be one of ${allowed.join(', ')}`
  return `${path || String(context ?? 'body')} ${String(message).replace('NOT', 'not')}`
}

import { ROUTES } from '@weapp-auth/shared'
import type { FastifyRequest } from 'fastify'
import type { Accounts } from '../../accounts.ts'
import { ApiError } from '../../api-error.ts'
import type { RecordEvent } from '../../events/recorder.ts'
import { refusedSignIn } from '../../events/session-events.ts'
import type { Phones } from '../../phone/phones.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import type { User, UserStore } from '../../users/users.ts'
import type { WechatGateway } from '../../wechat/gateway.ts'
import type { WechatIdentity } from '../../wechat-identity.ts'
import { createdSession, listedSession } from '../bodies.ts'
import { authenticate, findBearer } from '../plugins/authenticate.ts'
import type { RouteLimit } from '../plugins/rate-limit.ts'
import {
  CreateSessionRequest,
  CreateSessionResponse,
  ListSessionsResponse,
  NoContent,
  RevokeSessionsQuery,
  RevokeSessionsResponse,
  SessionParams,
} from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

const MAX_DATA_BYTES = 4 * 1024

/** What a sign-in needs, and the list of sessions. */
export interface SessionsRoutesOptions {
  wechat: WechatGateway
  sessions: Sessions
  users: UserStore
  accounts: Accounts
  /** Null: this service keeps no phone numbers. */
  phones: Phones | null
  record: RecordEvent
  /** How often one address may sign in. */
  limit: RouteLimit
}

/** Routes to sign in with a code of `wx.login`, to list the sessions of the user, and to end them. */
export const sessionsRoutes: TypedRoutes<SessionsRoutesOptions> = async (app, options) => {
  const { wechat, sessions, users, accounts, phones, record, limit } = options

  app.post(
    ROUTES.sessions,
    {
      config: { rateLimit: limit },
      schema: { body: CreateSessionRequest, response: { 201: CreateSessionResponse } },
    },
    async (request, reply) => {
      const { appid, code, phoneCode, device, data } = request.body
      if (!wechat.hasApp(appid)) throw unknownApp(appid)
      wechat.checkCode(code)
      const takePhone = phoneCode === undefined ? null : prepareToTake(phoneCode, phones)
      checkData(data)
      // Both stores are seen to answer before the code is spent: this one here, the other by taking the claim.
      await users.ping()
      let userId: string | undefined
      const notice = async (user: User, bind?: (user: User) => Promise<void>) => {
        userId = user.id
        await bind?.(user)
      }
      const { issued, user, isNew } = await sessions
        .spendCode(appid, code, async (claimed) => {
          const identity = await wechat.code2Session(appid, code)
          const phone = takePhone && (await takePhone(request, appid, identity))
          const replaces = findBearer(request.headers.authorization)
          const about = { appid, ...(device && { device }), replaces, code: claimed }
          return accounts.signIn(identity, about, {
            data,
            phone: phone?.number ?? null,
            beforeHook: (user) => notice(user, phone?.bind),
          })
        })
        .catch((error) => {
          // What fails or refuses, the host's hook too, is logged with the mini-program, and with the user once that is known.
          request.log = request.log.child({ userId, appid })
          const refused = refusedSignIn(error, { appid, userId, requestId: request.id })
          if (refused) record(refused)
          throw error
        })
      request.log.info({ userId: user.id, sessionId: issued.session.id, appid, isNew }, 'signed in')
      const about = { appid, sessionId: issued.session.id, isNew, requestId: request.id }
      record({ type: 'sign_in', by: 'user', userId: user.id, data: about })
      reply.code(201)
      return createdSession(issued, user, isNew)
    },
  )

  app.get(
    ROUTES.sessions,
    { onRequest: authenticate, schema: { response: { 200: ListSessionsResponse } } },
    async ({ auth }) => {
      const live = await sessions.list(auth.userId)
      return { sessions: live.map((session) => listedSession(session, auth.sessionId)) }
    },
  )

  app.delete(
    `${ROUTES.sessions}/:id`,
    { onRequest: authenticate, schema: { params: SessionParams, response: { 204: NoContent } } },
    async ({ auth, params: { id } }, reply) => {
      const reason = id === auth.sessionId ? 'signed_out' : 'signed_out_elsewhere'
      if (!(await sessions.revoke(auth.userId, id, reason))) throw noSuchSession()
      return reply.code(204).send(null)
    },
  )

  app.delete(
    ROUTES.sessions,
    {
      onRequest: authenticate,
      schema: { querystring: RevokeSessionsQuery, response: { 200: RevokeSessionsResponse } },
    },
    async (request) => {
      const { userId, sessionId } = request.auth
      const others = await sessions.revokeAll(userId, 'signed_out_elsewhere', { except: sessionId })
      if (request.query.scope === 'others') return { revoked: others }
      // Ends the caller's own session last: while it lives, the caller can ask again if anything fails.
      const own = await sessions.revoke(userId, sessionId, 'signed_out')
      return { revoked: others + Number(own) }
    },
  )
}

/** Refuses what cannot be a phone code, before the login code is spent. */
function prepareToTake(code: string, phones: Phones | null) {
  if (!phones) throw invalid('phoneCode: this service keeps no phone numbers')
  phones.checkCode(code)
  /** Spends the phone code, before a user is made. */
  return async (request: FastifyRequest, appid: string, identity: WechatIdentity) => {
    const phone = await phones.exchange(request, { appid, code }, { openid: identity.openid })
    await phones.link(appid, identity, phone)
    return { number: phone, bind: (user: User) => phones.bind(user, phone) }
  }
}

function unknownApp(appid: string): ApiError {
  const detail = 'this appid is not configured here'
  return new ApiError('appid_unknown', 'this appid is not configured', { detail, logFields: { appid } })
}

function noSuchSession(): ApiError {
  const detail = 'you have no session of this id'
  return new ApiError('not_found', detail, { detail })
}

function checkData(data: unknown): void {
  if (data === undefined || jsonBytes(data) <= MAX_DATA_BYTES) return
  throw invalid(`data must not have more than ${MAX_DATA_BYTES} bytes as JSON`)
}

/** JSON.stringify fails on data that is nested too deeply, which JSON.parse has read; such data is too long in any case. */
function jsonBytes(data: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(data))
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function invalid(detail: string): ApiError {
  return new ApiError('request_invalid', detail, { detail })
}

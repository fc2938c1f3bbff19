import type { CreateSessionResponse, Device, RevocationReason } from '@weapp-auth/shared'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { createdSession } from './http/bodies.ts'
import { authenticate, findBearer } from './http/plugins/authenticate.ts'
import { answerApiErrors, sendProblem, setOutageLog } from './http/plugins/problems.ts'
import { countRequests, createRateLimits, type RateLimitsOptions } from './http/plugins/rate-limit.ts'
import { useStrictJson } from './http/plugins/strict-json.ts'
import { healthRoutes } from './http/routes/health.ts'
import { meRoutes } from './http/routes/me.ts'
import { openDataRoutes } from './http/routes/open-data.ts'
import { sessionRoutes } from './http/routes/session.ts'
import { sessionKeyRoutes } from './http/routes/session-key.ts'
import { sessionsRoutes } from './http/routes/sessions.ts'
import { verifyRoutes } from './http/routes/verify.ts'
import { createIdentities, type Identities } from './identities.ts'
import type { OutageLog } from './outage-log.ts'
import type { SessionStore } from './sessions/session-store.ts'
import { createSessions, type Session } from './sessions/sessions.ts'
import type { LinkedIdentity, User, UserStore } from './users/users.ts'
import type { AccessTokenStore } from './wechat/access-token.ts'
import type { WechatApp } from './wechat/app-secrets.ts'
import { createWechatGateway } from './wechat/gateway.ts'

export interface WeappAuthOptions {
  /** The mini-programs that sign in here. */
  apps: readonly WechatApp[]
  /** Default `https://api.weixin.qq.com`. Behind a proxy it may have a path. */
  wechatApiBaseUrl?: string
  sessions: SessionStore
  users: UserStore
  /** Default: this process keeps its own access_tokens. Several processes need `createRedisAccessTokenStore`. */
  accessTokens?: AccessTokenStore
  /** A session that is not used for this long ends. Default 7 200 (2 hours). */
  sessionIdleSeconds?: number
  /** A session ends after this long, however much it is used. Default 2 592 000 (30 days). */
  sessionAbsoluteSeconds?: number
  /** Sessions one user may have; the oldest gives way to a new one. Default 20; 0: any number. */
  sessionLimit?: number
  /**
   * Runs at every sign-in, before there is a session. `data` is free JSON of the caller, at most 4 kB, checked by
   * nobody. What it throws refuses the sign-in: `new ApiError('user_disabled', 'banned')`, say.
   */
  onSignIn?(user: User, isNew: boolean, data: unknown): void | Promise<void>
  /** How often one address may sign in, and one user send open data. */
  rateLimits?: RateLimitsOptions
  /** Serves `/livez` and `/readyz`. Default true; false when the host application has its own. */
  health?: boolean
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
  /** One of your own, where what else you log about a store that is away shall share its line a second. */
  outageLog?: OutageLog
}

export interface IssueOptions {
  appid: string
  device?: Device
  /** Told to the phone. Default false. */
  isNew?: boolean
  /**
   * The header of the request that signs in. The session whose token it holds, which the phone had until now, ends with the
   * reason `replaced`; anything else in it is ignored.
   */
  authorization?: string | undefined
}

/** What the host application can do with sessions and identities, as `app.weappAuth`. */
export interface WeappAuth extends Identities {
  /** A user without a WeChat identity: the account behind a password, a phone number or another provider. */
  createUser(): Promise<User>
  /**
   * Starts a session for a user of the store, however they proved who they are (password, SMS, another provider). It
   * returns the body of `POST /v1/sessions`, which is what a phone keeps.
   *
   * @throws RangeError when there is no such user
   */
  issue(userId: string, about: IssueOptions): Promise<CreateSessionResponse>
  /** False when the user has no such session. `reason` is told to the device; default `admin`. */
  revoke(userId: string, sessionId: string, reason?: RevocationReason): Promise<boolean>
  /** Ends all sessions of a user and says how many. */
  revokeAll(userId: string, reason?: RevocationReason): Promise<number>
  /** The user's live sessions, oldest first. */
  list(userId: string): Promise<Session[]>
  /** The WeChat identifiers of a user, for WeChat Pay or messages. They must not leave the server. */
  findIdentity(userId: string, appid: string): Promise<LinkedIdentity | null>
}

declare module 'fastify' {
  interface FastifyInstance {
    weappAuth: WeappAuth
  }
}

/**
 * Sign-in for WeChat mini-programs: the routes under `/v1`, `app.authenticate` for routes of your own, `request.auth`
 * behind it, and `app.weappAuth`. Register it before the routes it guards.
 *
 * Your routes keep your error handler, parsers and schema compilers; only an ApiError becomes a problem there too.
 */
export const weappAuth = fp(
  async (app: FastifyInstance, options: WeappAuthOptions) => {
    const {
      apps,
      sessions: store,
      users,
      sessionIdleSeconds: idleSeconds = 7_200,
      sessionAbsoluteSeconds: absoluteSeconds = 2_592_000,
      sessionLimit: limit = 20,
      onSignIn = () => {},
      rateLimits = {},
      health = true,
      now = Date.now,
    } = options
    checkApps(apps)
    if (options.outageLog) setOutageLog(app, options.outageLog)
    checkSeconds({ sessionIdleSeconds: idleSeconds, sessionAbsoluteSeconds: absoluteSeconds })
    if (!Number.isSafeInteger(limit) || limit < 0) throw new TypeError('sessionLimit must be a whole number')
    const wechat = createWechatGateway({
      apps,
      ...(options.wechatApiBaseUrl !== undefined && { baseUrl: checkUrl(options.wechatApiBaseUrl) }),
      warn: (message) => app.log.warn(message),
      ...(options.accessTokens && { accessTokens: options.accessTokens }),
    })
    const limits = createRateLimits(rateLimits)
    const sessions = createSessions({ store, idleSeconds, absoluteSeconds, limit, now })

    app.decorate('weappAuth', {
      createUser: () => users.createUser(now()),
      async issue(userId, { appid, device, isNew = false, authorization }) {
        const user = await users.findUser(userId)
        if (!user) throw new RangeError('there is no such user')
        const replaces = findBearer(authorization)
        return createdSession(await sessions.issue(userId, { appid, ...(device && { device }), replaces }), user, isNew)
      },
      revoke: (userId, sessionId, reason = 'admin') => sessions.revoke(userId, sessionId, reason),
      revokeAll: (userId, reason = 'admin') => sessions.revokeAll(userId, reason),
      list: (userId) => sessions.list(userId),
      findIdentity: (userId, appid) => users.findIdentity(userId, appid),
      ...createIdentities({ wechat, sessions, users, now }),
    } satisfies WeappAuth)
    await app.register(authenticate, { sessions })
    app.addHook('onRoute', answerApiErrors)

    const v1: FastifyPluginAsync = async (scope) => {
      scope.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', 'no-store')
      })
      await scope.register(countRequests, rateLimits)
      await scope.register(sessionsRoutes, { wechat, sessions, users, onSignIn, limit: limits.signIn, now })
      await scope.register(sessionRoutes, { sessions, users, now })
      await scope.register(meRoutes, { users })
      await scope.register(openDataRoutes, { users, limit: limits.openData, now })
      await scope.register(sessionKeyRoutes, { wechat, users, limit: limits.openData })
      await scope.register(verifyRoutes)
    }
    const routes: FastifyPluginAsync = async (scope) => {
      scope.setErrorHandler(sendProblem)
      useStrictJson(scope)
      if (health) await scope.register(healthRoutes, { sessions: store, users })
      await scope.register(v1)
    }
    await app.register(routes)
  },
  { name: '@weapp-auth/fastify', fastify: '5.x' },
)

function checkApps(apps: readonly WechatApp[]): void {
  if (apps.length === 0) throw new TypeError('apps must name at least one mini-program')
  for (const { appid, secrets } of apps) {
    if (!/^[\w-]{1,64}$/.test(appid)) throw new TypeError('apps: an appid must have 1 to 64 letters, digits, - or _')
    if (secrets.length === 0 || secrets.includes('')) throw new TypeError(`apps: ${appid} must have a secret`)
  }
  if (new Set(apps.map(({ appid }) => appid)).size < apps.length)
    throw new TypeError('apps must not name an appid twice')
}

function checkSeconds(options: Record<string, number>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${name} must be a whole number of seconds`)
  }
}

function checkUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw new TypeError('wechatApiBaseUrl must be an http or https URL')
}

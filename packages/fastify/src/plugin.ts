import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { type Accounts, createAccounts, type OnSignIn } from './accounts.ts'
import type { AvatarsOptions } from './avatar/avatar-store.ts'
import type { ConflictStore } from './conflicts/conflict-store.ts'
import { createWeappAuth } from './create-weapp-auth.ts'
import { DEFAULTS } from './defaults.ts'
import type { EventsOptions } from './events/event-store.ts'
import { endedSession } from './events/session-events.ts'
import { guardedRequests } from './http/plugins/authenticate.ts'
import { answerApiErrors, countedFailures, sendProblem } from './http/plugins/problems.ts'
import { countRequests, createCount, createRateLimits, type RateLimitsOptions } from './http/plugins/rate-limit.ts'
import { useStrictJson } from './http/plugins/strict-json.ts'
import { healthRoutes } from './http/routes/health.ts'
import { meRoutes } from './http/routes/me.ts'
import { openDataRoutes } from './http/routes/open-data.ts'
import { sessionRoutes } from './http/routes/session.ts'
import { sessionKeyRoutes } from './http/routes/session-key.ts'
import { sessionsRoutes } from './http/routes/sessions.ts'
import { verifyRoutes } from './http/routes/verify.ts'
import { createOutageLog, type OutageLog } from './outage-log.ts'
import type { PhonesOptions } from './phone/phones.ts'
import type { PushOptions } from './push/push-options.ts'
import type { SessionStore } from './sessions/session-store.ts'
import { createSessions } from './sessions/sessions.ts'
import type { SocketOptions } from './sockets/socket-options.ts'
import { reasonOf } from './store-failure.ts'
import { createRecentUsers } from './users/recent-users.ts'
import type { UserStore } from './users/users.ts'
import type { AccessTokenStore } from './wechat/access-token.ts'
import { checkApps, type WechatApp } from './wechat/app-secrets.ts'
import { createWechatGateway } from './wechat/gateway.ts'

const RESUME_ERASURES_MS = 10 * 60_000

/** Options of {@link weappAuth}. */
export interface WeappAuthOptions {
  /** Put before the path of every route, `/livez` and `/readyz` included, e.g. `/auth`. Default: nothing. */
  prefix?: string
  /** The mini-programs that sign in here. */
  apps: readonly WechatApp[]
  /** Default `https://api.weixin.qq.com`. Behind a proxy it may have a path. */
  wechatApiBaseUrl?: string
  /** Where sessions are kept: `createRedisSessionStore`, `createSqliteSessionStore` or one of your own. */
  sessions: SessionStore
  /** Where users are kept: `createSqlUserStore` or one of your own. */
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
   * nobody. What it throws refuses the sign-in: `new ApiError('user_disabled', 'banned')`, say. It may answer
   * `{ externalId }`, your own id for this user, of 1 to 128 visible ASCII characters, which is kept unless the user has one
   * or another user has this one. A conflict is logged and does not stop the sign-in. `about` names the mini-program, and the
   * phone number where the sign-in came with a phone code.
   */
  onSignIn?: OnSignIn
  /** Pictures that users send in place of an address. Default: none, and `POST /v1/me/avatar` is 404. */
  avatars?: AvatarsOptions
  /**
   * Phone numbers of users, proved with a `getPhoneNumber` button. Default: none; `POST /v1/me/phone` is 404, and a sign-in with
   * a `phoneCode` is refused.
   */
  phones?: PhonesOptions
  /** Writes down what happens to users. Default: nothing is written. */
  events?: EventsOptions
  /**
   * Takes what WeChat pushes about accounts at `/wechat/push/:appid`: consent that was withdrawn, and accounts that were closed,
   * delete data. Default: none, and the path is 404.
   */
  push?: PushOptions
  /** How often one address may sign in, and one user send open data. */
  rateLimits?: RateLimitsOptions
  /**
   * Where users who have one unionid are listed and merged, by `app.weappAuth.listConflicts` and `mergeUsers`: the store that
   * `createSqlUserStore` makes, or one of your own. Default: none, and both throw.
   */
  conflicts?: { store: ConflictStore }
  /**
   * Adds WebSockets: `app.weappAuth.guardSocket` and `push`. Needs `@fastify/websocket`, which is loaded only for this and is
   * registered by the plugin. Default: none; `{}` for all defaults.
   */
  sockets?: SocketOptions
  /** Serves `/livez` and `/readyz`. Default true; false when the host application has its own. */
  health?: boolean
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
  /** One of your own, where what else you log about a store that is away shall share its line a second. */
  outageLog?: OutageLog
}

/**
 * Sign-in for WeChat mini-programs: the routes under `/v1` and `app.weappAuth`. Routes of your own are guarded with
 * {@link authenticate}, which may be registered before or after it.
 *
 * Your routes keep your error handlers, parsers and schema compilers. Where your application has no error handler, an
 * ApiError of the guard, or of your own code on a route that was registered after the plugin, is answered as a problem.
 */
export const weappAuth = fp(
  async (app: FastifyInstance, options: WeappAuthOptions) => {
    const {
      apps,
      sessions: store,
      users,
      sessionIdleSeconds: idleSeconds = DEFAULTS.sessionIdleSeconds,
      sessionAbsoluteSeconds: absoluteSeconds = DEFAULTS.sessionAbsoluteSeconds,
      sessionLimit: limit = DEFAULTS.sessionLimit,
      onSignIn = () => {},
      rateLimits = {},
      health = true,
      outageLog = createOutageLog(),
      now = Date.now,
    } = options
    checkApps(apps)
    checkSeconds({ sessionIdleSeconds: idleSeconds, sessionAbsoluteSeconds: absoluteSeconds })
    if (!Number.isSafeInteger(limit) || limit < 0) throw new TypeError('sessionLimit must be a whole number')
    const wechat = createWechatGateway({
      apps,
      ...(options.wechatApiBaseUrl !== undefined && { baseUrl: checkUrl(options.wechatApiBaseUrl) }),
      warn: (message) => app.log.warn(message),
      ...(options.accessTokens && { accessTokens: options.accessTokens }),
    })
    const limits = createRateLimits(rateLimits)
    const recentUsers = createRecentUsers({ users, now })
    const avatar = options.avatars
      ? await (await import('./avatar/open-avatars.ts')).openAvatars({
          ...options.avatars,
          users,
          recentUsers,
          limit: limits.avatar,
          pathPrefix: options.prefix ?? '',
          warn: (message) => app.log.warn(message),
        })
      : null
    const record = options.events
      ? await (await import('./events/open-events.ts')).openEvents(app, { ...options.events, now, outageLog })
      : () => {}
    const sessions = createSessions({
      store,
      idleSeconds,
      absoluteSeconds,
      limit,
      hasApp: wechat.hasApp,
      onEnd: (end) => record(endedSession(end)),
      now,
    })

    await app.register(countedFailures, { outageLog })
    await app.register(guardedRequests, { sessions })
    const sockets = options.sockets
      ? await (await import('./sockets/register-sockets.ts')).registerSockets(app, {
          sessions,
          store,
          options: options.sockets,
          now,
        })
      : null
    const accounts = createAccounts({
      sessions,
      users,
      recentUsers,
      onSignIn,
      record,
      erasureSteps: avatar ? [avatar.avatars.erase] : [],
      warn: (fields, message) => app.log.warn(fields, message),
      now,
    })
    resumeErasuresOf(app, accounts)
    const phoneStore = options.phones?.store ?? null
    const events = options.events?.store ?? null
    const conflicts = options.conflicts?.store ?? null
    app.decorate(
      'weappAuth',
      createWeappAuth({
        wechat,
        store,
        sessions,
        users,
        accounts,
        phones: phoneStore,
        conflicts,
        sockets,
        events,
        record,
        now,
      }),
    )
    app.addHook('onRoute', answerApiErrors)

    const v1: FastifyPluginAsync = async (scope) => {
      scope.addHook('onRequest', (_request, reply, done) => {
        reply.header('cache-control', 'no-store')
        done()
      })
      await scope.register(countRequests, rateLimits)
      const phones = options.phones ? await openPhones(scope, options.phones) : null
      await scope.register(sessionsRoutes, {
        wechat,
        sessions,
        users,
        accounts,
        phones,
        record,
        limit: limits.signIn,
      })
      await scope.register(sessionRoutes, { sessions, recentUsers, now })
      await scope.register(meRoutes, { users, accounts, recentUsers, avatars: avatar?.avatars ?? null, phones })
      if (avatar) await scope.register(avatar.upload)
      await scope.register(openDataRoutes, { users, limit: limits.openData, now })
      await scope.register(sessionKeyRoutes, { wechat, users, limit: limits.openData })
      await scope.register(verifyRoutes)
    }
    const openPhones = async (scope: FastifyInstance, phonesOptions: PhonesOptions) => {
      const { createPhones } = await import('./phone/phones.ts')
      const { phoneRoutes } = await import('./phone/routes.ts')
      const countUse = createCount(scope, limits.phoneCode, 'phone codes')
      const phones = createPhones({ ...phonesOptions, wechat, countUse, log: app.log, now })
      await scope.register(phoneRoutes, { users, phones })
      return phones
    }
    const pushDeps = (push: PushOptions) => {
      const kept = { avatars: avatar?.avatars ?? null, phones: phoneStore }
      return { ...push, ...kept, hasApp: wechat.hasApp, users, sessions, accounts, recentUsers, events, now }
    }
    const routes: FastifyPluginAsync = async (scope) => {
      scope.setErrorHandler(sendProblem)
      useStrictJson(scope)
      if (health) await scope.register(healthRoutes, { sessions: store, users })
      if (avatar) await scope.register(avatar.files)
      if (options.push) await scope.register((await import('./push/routes.ts')).pushRoutes, pushDeps(options.push))
      await scope.register(v1)
    }
    await app.register(routes, { prefix: options.prefix ?? '' })
  },
  { name: '@weapp-auth/fastify', fastify: '5.x' },
)

/** An erasure that a fault has cut off, and that nobody asks for again, is finished by whichever process looks first. */
function resumeErasuresOf(app: FastifyInstance, accounts: Accounts): void {
  const timer = setInterval(() => {
    accounts
      .resumeErasures()
      .catch((error) => app.log.warn({ reason: reasonOf(error) }, 'an erasure was not finished yet'))
  }, RESUME_ERASURES_MS).unref()
  app.addHook('onClose', async () => clearInterval(timer))
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

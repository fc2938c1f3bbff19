import { fastifyUnderPressure } from '@fastify/under-pressure'
import {
  type AccessTokenStore,
  ApiError,
  type AvatarsOptions,
  type ConflictStore,
  type EventsOptions,
  type IdentityStore,
  type OnSignIn,
  type OutageLog,
  type PhonesOptions,
  type PushOptions,
  problems,
  type RateLimitsOptions,
  type RedisClient,
  type SessionStore,
  type SocketOptions,
  sendProblem,
  type UserStore,
  type WechatApp,
  weappAuth,
} from '@weapp-auth/fastify'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Cluster, Redis } from 'ioredis'
import { readCallerAddress } from './caller-address.ts'
import { closeGracefully } from './closing.ts'
import { listenerOptions } from './listener-options.ts'
import type {} from './redis-plugin.ts'
import { securityHeaders } from './security-headers.ts'
import { UNDECODABLE, undecodable } from './undecodable-address.ts'

/** What the application is built from; `main.ts` opens it, and closes it after the application. */
export interface AppDeps {
  apps: readonly WechatApp[]
  wechatApiBaseUrl: string
  users: UserStore & IdentityStore & ConflictStore
  /** The client behind `app.redis`; null where the sessions are embedded. */
  redis: Redis | Cluster | null
  /** How all keys in Redis begin. */
  keyPrefix: string
  /**
   * Opens what is kept in Redis; given null, the embedded sessions. Where `accessTokens` is null, each process keeps its own
   * access_tokens.
   */
  openSessions(redis: RedisClient | null): { sessions: SessionStore; accessTokens: AccessTokenStore | null }
  avatars?: AvatarsOptions
  phones?: PhonesOptions
  events?: EventsOptions
  /** What WeChat's push is signed and encrypted with, by appid. Default: there is no push. */
  push?: PushOptions['apps'] | null
  /** Asked at each sign-in. Default: everybody may sign in. */
  onSignIn?: OnSignIn
  outageLog?: OutageLog
  sessionIdleSeconds: number
  sessionAbsoluteSeconds: number
  sessionLimit: number
  trustProxy: readonly string[]
  rateLimits?: RateLimitsOptions
  /** Default: the service has no WebSockets. */
  sockets?: SocketOptions
  /**
   * Requests are answered `overloaded` while the event loop is late by more than so many milliseconds. 0: never. Default 1 000.
   */
  maxEventLoopDelayMs?: number
  log: FastifyBaseLogger
  /** Sees the application before its first route. */
  beforeRoutes?: (app: FastifyInstance) => void | Promise<void>
  now?: () => number
  /** Which `Host` headers are answered at all. Default: every one. */
  allowHost?: (host: string | undefined) => boolean
}

/** An event loop that is late by this much on average, for a second, has more to do than it can. */
const MAX_EVENT_LOOP_DELAY_MS = 1_000

/** The service without its effects: nothing listens yet, and it can be built many times in one process. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const { redis, rateLimits = {} } = deps
  const app = Fastify({
    ...listenerOptions(deps.log),
    trustProxy: [...deps.trustProxy],
    frameworkErrors: sendProblem,
  })
  await deps.beforeRoutes?.(app)
  readCallerAddress(app, deps.trustProxy)
  await app.register(problems)
  const headers = securityHeaders()
  // Hooks of every request take a callback here: a promise for each of them is a tenth of what a small request costs.
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id)
    done()
  })
  closeGracefully(app)
  if (deps.allowHost) refuseOtherHosts(app, deps.allowHost)
  await app.register(fastifyUnderPressure, {
    maxEventLoopDelay: deps.maxEventLoopDelayMs ?? MAX_EVENT_LOOP_DELAY_MS,
    pressureHandler: async ({ url }) => {
      // A process that is busy is alive: restarting it would leave the others with its work.
      if (url !== '/livez') throw new ApiError('overloaded', 'the event loop is late', { retryAfterSeconds: 1 })
    },
  })
  // Loaded on demand, together with the driver.
  if (redis) await app.register((await import('./redis-plugin.ts')).redisPlugin, { client: redis })
  const { sessions, accessTokens } = deps.openSessions(redis && app.redis)
  await app.register(weappAuth, {
    apps: deps.apps,
    wechatApiBaseUrl: deps.wechatApiBaseUrl,
    sessions,
    users: deps.users,
    ...(accessTokens && { accessTokens }),
    ...(deps.avatars && { avatars: deps.avatars }),
    ...(deps.phones && { phones: deps.phones }),
    ...(deps.events && { events: deps.events }),
    conflicts: { store: deps.users },
    ...(deps.push && { push: { apps: deps.push, identities: deps.users } }),
    ...(deps.onSignIn && { onSignIn: deps.onSignIn }),
    sessionIdleSeconds: deps.sessionIdleSeconds,
    sessionAbsoluteSeconds: deps.sessionAbsoluteSeconds,
    sessionLimit: deps.sessionLimit,
    rateLimits: { keyPrefix: deps.keyPrefix, ...rateLimits, ...(redis && { redis: app.redis }) },
    ...(deps.sockets && { sockets: deps.sockets }),
    ...(deps.outageLog && { outageLog: deps.outageLog }),
    ...(deps.now && { now: deps.now }),
  })
  app.all(UNDECODABLE, async () => {
    throw undecodable()
  })
  return app
}

/** Before any route sees the request. The header itself counts, never what a proxy says in another one. */
function refuseOtherHosts(app: FastifyInstance, allowHost: (host: string | undefined) => boolean): void {
  app.addHook('onRequest', async ({ headers: { host } }) => {
    if (allowHost(host)) return
    const detail = 'nothing is served under this name here: use localhost, 127.0.0.1 or [::1]'
    throw new ApiError('not_found', 'a foreign Host header', { detail })
  })
}

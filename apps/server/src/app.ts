import { fastifyRedis } from '@fastify/redis'
import { problems, sendProblem, type SessionStore, type UserStore, type WechatApp, weappAuth } from '@weapp-auth/fastify'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'

export interface AppDeps {
  apps: readonly WechatApp[]
  wechatApiBaseUrl: string
  sessions: SessionStore
  users: UserStore
  redis: Redis | null
  sessionIdleSeconds: number
  sessionAbsoluteSeconds: number
  log: FastifyBaseLogger
  now?: () => number
}

/** How long a client may take to send its request: a phone on a bad network, not a connection held open on purpose. */
const REQUEST_TIMEOUT_MS = 30_000

/** The service without its effects: nothing listens yet, and it can be built many times in one process. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.log,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    frameworkErrors: sendProblem,
  })
  await app.register(problems)
  if (deps.redis) await app.register(fastifyRedis, { client: deps.redis })
  await app.register(weappAuth, {
    apps: deps.apps,
    wechatApiBaseUrl: deps.wechatApiBaseUrl,
    sessions: deps.sessions,
    users: deps.users,
    sessionIdleSeconds: deps.sessionIdleSeconds,
    sessionAbsoluteSeconds: deps.sessionAbsoluteSeconds,
    ...(deps.now && { now: deps.now }),
  })
  return app
}

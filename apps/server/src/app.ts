import type { Socket } from 'node:net'
import {
  problems,
  type SessionStore,
  sendProblem,
  type UserStore,
  type WechatApp,
  weappAuth,
} from '@weapp-auth/fastify'
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

/** What a request may take once the service stops: the exchange with WeChat, and the stores before and after it. */
const DRAIN_TIMEOUT_MS = 7_000

/** The service without its effects: nothing listens yet, and it can be built many times in one process. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.log,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    frameworkErrors: sendProblem,
  })
  limitClose(app)
  await app.register(problems)
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

/**
 * Closing waits for connections on which no request was ever sent, and for requests under way. The former are ended at
 * once, the latter when {@link DRAIN_TIMEOUT_MS} is over, so that nobody can hold the service up.
 */
function limitClose(app: FastifyInstance): void {
  const unused = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  app.server.on('request', ({ socket }) => unused.delete(socket))
  app.addHook('preClose', async () => {
    for (const socket of unused) socket.destroy()
    setTimeout(() => app.server.closeAllConnections(), DRAIN_TIMEOUT_MS).unref()
  })
}

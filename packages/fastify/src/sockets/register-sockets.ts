import type { FastifyInstance } from 'fastify'
import type { SessionStore } from '../sessions/session-store.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { closeInTime, createGuardedSockets, type GuardedSockets, RESTARTING } from './guarded-sockets.ts'
import type { SocketOptions } from './socket-options.ts'

const DEFAULTS = { pingIntervalMs: 30_000, maxBufferedBytes: 1_048_576, maxMessageBytes: 65_536 }

/**
 * Adds WebSockets to the application: `@fastify/websocket`, unless the application has registered it, and the guarded sockets.
 *
 * @throws Error when `@fastify/websocket` is not installed
 * @throws TypeError for an option that is not a whole number
 */
export async function registerSockets(
  app: FastifyInstance,
  o: { sessions: Sessions; store: SessionStore; options: SocketOptions; now: () => number },
): Promise<GuardedSockets> {
  const limits = { ...DEFAULTS, ...o.options }
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`sockets.${name} must be a whole number`)
  }
  const sockets = createGuardedSockets({
    ...limits,
    sessions: o.sessions,
    messages: o.store.messages ?? null,
    now: o.now,
    logError: (err) => app.log.error({ err }, 'the session of a socket could not be checked'),
  })
  // An application that has registered it also decides how its sockets are closed: its own hook runs before this one.
  if (app.hasDecorator('websocketServer')) app.addHook('preClose', async () => sockets.stop())
  else await registerWebsocket(app, limits.maxMessageBytes)
  return sockets
}

async function registerWebsocket(app: FastifyInstance, maxPayload: number): Promise<void> {
  await app.register(await loadWebsocket(), {
    options: { maxPayload },
    // The hook of `@fastify/websocket` would close the sockets without a code.
    async preClose() {
      const server = app.websocketServer
      for (const socket of server.clients) closeInTime(socket, RESTARTING, 'the service is restarting')
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

/** Only a service that has sockets loads it, and needs it installed. */
async function loadWebsocket() {
  try {
    return (await import('@fastify/websocket')).default
  } catch (cause) {
    throw new Error('the option sockets needs @fastify/websocket: npm install @fastify/websocket', { cause })
  }
}

import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'

/**
 * How long connections without a request stay open once the service stops: their next request, which may be on its way
 * already, is answered `shutting_down` with `connection: close`. An end without an answer would look like a broken network.
 */
const FAREWELL_MS = 1_000
const LOOK_AGAIN_MS = 20

/** What a request may take once the service stops: the exchange with WeChat, and the stores before and after it. */
const DRAIN_TIMEOUT_MS = 7_000

/** Lets the service stop without dropping a request, and within a time that no client can extend. */
export function closeGracefully(app: FastifyInstance): void {
  const open = new Set<Socket>()
  /** Connections on which no request has been sent yet; nothing else would end them. */
  const unused = new WeakSet<Socket>()
  let isClosing = false
  app.server.on('connection', (socket: Socket) => {
    open.add(socket)
    unused.add(socket)
    socket.once('close', () => open.delete(socket))
  })

  app.addHook('onRequest', ({ raw: { socket } }, _reply, done) => {
    // Here and not at the server's event `request`, which there is not for an upgrade.
    unused.delete(socket)
    if (isClosing) done(new ApiError('shutting_down', 'the service is stopping'))
    else done()
  })
  // A connection that is kept open would delay the stop after its request is answered.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing) reply.header('connection', 'close')
    done(null, payload)
  })
  app.addHook('preClose', async () => {
    isClosing = true
    setTimeout(() => app.server.closeAllConnections(), DRAIN_TIMEOUT_MS).unref()
    for (let waitedMs = 0; open.size > 0 && waitedMs < FAREWELL_MS; waitedMs += LOOK_AGAIN_MS)
      await sleep(LOOK_AGAIN_MS)
    for (const socket of open) if (unused.has(socket)) socket.destroy()
  })
}

import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { STRICT_SCHEMAS } from '@weapp-auth/fastify'
import { type FastifyBaseLogger, type FastifyHttpOptions, LogController } from 'fastify'
import { rewriteUndecodable } from './undecodable-address.ts'

/** How long a client may take to send its whole request: a phone on a bad network, not a connection held open on purpose. */
const REQUEST_TIMEOUT_MS = 30_000

/** Fastify's options of each listener of the service, that of the phones and that of the service API. */
export function listenerOptions(log: FastifyBaseLogger): FastifyHttpOptions<Server, FastifyBaseLogger> {
  return {
    loggerInstance: log,
    schemaController: STRICT_SCHEMAS,
    // One id in the log, the header and the problem. An id from the caller could be anything, and could come twice.
    genReqId: () => randomUUID(),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // By default Node looks for late requests only every 30 s: one could then take a minute.
    http: { connectionsCheckingInterval: 1_000 },
    rewriteUrl: rewriteUndecodable,
    logController: new LogController({ requestIdLogLabel: 'requestId' }),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
  }
}

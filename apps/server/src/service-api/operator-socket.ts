import { chmodSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'

/** The path of the socket on which a service with embedded stores listens for the command line. */
export function operatorSocketOf(dataDir: string): string {
  return join(dataDir, 'operator.sock')
}

/** The socket while it is open. */
export interface OperatorSocket {
  close(): Promise<void>
}

/**
 * Listens on a socket in the file system that this user alone may open. The first request builds the API behind it, so that a service
 * whose operator never asks pays nothing for it.
 *
 * @param path a socket that a killed process has left there is replaced: the embedded stores let one process run at a time
 * @param build builds the API with `identifyOperator`
 */
export async function openOperatorSocket(path: string, build: () => Promise<FastifyInstance>): Promise<OperatorSocket> {
  let api: Promise<FastifyInstance> | null = null
  // An import of `node:http` loads all that it can export, Node's own undici too.
  const { createServer } = process.getBuiltinModule('node:http')
  const server = createServer((request, response) => void answer(request, response))
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return {
    async close() {
      // This also removes the file of the socket.
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      await api?.then((built) => built.close()).catch(() => {})
      server.closeAllConnections()
      await closed
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      api ??= build().then(async (built) => {
        await built.ready()
        return built
      })
      ;(await api).routing(request, response)
    } catch {
      api = null
      response.writeHead(500).end()
    }
  }
}

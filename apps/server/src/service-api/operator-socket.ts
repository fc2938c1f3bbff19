import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'

/** Where a running service on embedded stores listens for the command line. */
export function operatorSocketOf(dataDir: string): string {
  return join(dataDir, 'operator.sock')
}

/** A socket that is listened on. */
export interface OperatorSocket {
  close(): Promise<void>
}

/**
 * Listens on a socket in the file system that this user alone may open. The API behind it is built for the first request, so
 * that a service whose operator never asks pays nothing for it.
 *
 * @param path a socket that a killed process has left there is replaced: the embedded stores let one process run at a time
 * @param build builds the API with `identifyOperator`
 */
export async function openOperatorSocket(path: string, build: () => Promise<FastifyInstance>): Promise<OperatorSocket> {
  let api: Promise<FastifyInstance> | null = null
  const server = createServer((request, response) => void answer(request, response))
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return {
    async close() {
      // Also removes the file.
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

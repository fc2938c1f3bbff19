import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import WebSocket, { type ClientOptions } from 'ws'
import { authenticate, type ServerSocket } from '../../src/index.ts'
import { type Service, type ServiceOptions, startService } from '../service.ts'

/** One end of an open WebSocket, as a phone holds it. */
export interface Live {
  socket: WebSocket
  /** What has arrived so far. */
  texts: string[]
  closed: Promise<{ code: number; reason: string }>
  /** Null while it is open. */
  closeCode(): number | null
}

export interface LiveService extends Service {
  baseUrl: string
  /** The service's ends of the sockets, in the order in which they were guarded. */
  guarded: (ServerSocket & { on(event: 'message', listener: (data: unknown) => void): unknown })[]
  /** Opens a WebSocket and waits until its session is watched. Rejects with the status of a refusal. */
  connect(headers: Record<string, string>, options?: ClientOptions): Promise<Live>
}

export interface LiveOptions extends ServiceOptions {
  /** Runs between the upgrade and `guardSocket`. */
  beforeGuard?: () => Promise<void>
}

/** A service with a guarded WebSocket at `/live`, on a real port. */
export async function startLive({ beforeGuard, host, ...options }: LiveOptions = {}): Promise<LiveService> {
  const guarded: LiveService['guarded'] = []
  const service = await startService({
    sockets: { pingIntervalMs: 60_000 },
    ...options,
    host(app: FastifyInstance) {
      host?.(app)
      app.get('/live', { websocket: true, onRequest: authenticate }, async (socket, request) => {
        if (beforeGuard) await beforeGuard()
        app.weappAuth.guardSocket(socket, request)
        guarded.push(socket)
      })
    },
  })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = service.app.server.address() as AddressInfo
  return {
    ...service,
    guarded,
    baseUrl: `http://127.0.0.1:${port}`,
    connect: (headers, clientOptions) => open(`ws://127.0.0.1:${port}/live`, { headers, ...clientOptions }),
  }
}

/** Opens a WebSocket, and closes it when the test is over. */
export function open(url: string, options: ClientOptions): Promise<Live> {
  const socket = new WebSocket(url, options)
  onTestFinished(() => socket.terminate())
  const texts: string[] = []
  let closeCode: number | null = null
  socket.on('message', (data) => texts.push(String(data)))
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      closeCode = code
      resolve({ code, reason: String(reason) })
    })
  })
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ socket, texts, closed, closeCode: () => closeCode }))
    socket.on('unexpected-response', async (_, answer) => {
      const { statusCode } = answer
      reject(Object.assign(new Error(`refused with ${statusCode}`), { statusCode, body: await json(answer) }))
    })
    socket.on('error', reject)
  })
}

import {
  createClock,
  createDevice,
  createWorld,
  DEMO_APP,
  type Device,
  localLink,
  type SocketEvents,
  type SocketRequest,
  type TransportRequest,
} from '@weapp-auth/emulator'
import { vi } from 'vitest'
import { type CreateAuthOptions, createAuth } from '../src/index.ts'
import { type Call, createFakeService } from './fake-service.ts'
import { flush } from './watch.ts'

export const BASE_URL = 'https://api.example.com'
/** Where the session is in the storage, under the default `storageKey`. */
export const STORAGE_KEY = `weapp-auth:${BASE_URL}`

/** A phone whose clock stands still, an app on it, and the service it talks to. */
export function createPhone(options: Partial<CreateAuthOptions> = {}) {
  const clock = createClock({ running: false, startMs: Date.UTC(2026, 0, 1) })
  // Of a suspended app a timer fires when the app comes back.
  vi.stubGlobal('setTimeout', (fn: () => void, ms: number) =>
    clock.setTimeout(() => (device.thread.suspended ? device.thread.post(fn) : fn()), ms),
  )
  vi.stubGlobal('clearTimeout', clock.clearTimeout)
  const world = createWorld({ clock })
  const service = createFakeService()

  function send(request: TransportRequest) {
    return new Promise<{ statusCode: number; header: Record<string, string>; body: string }>((resolve, reject) => {
      const { pathname, search } = new URL(request.url)
      const bearer = Object.entries(request.header).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
      const call: Call = {
        method: request.method,
        url: request.url,
        path: pathname + search,
        header: request.header,
        token: bearer?.replace(/^Bearer /, '') ?? null,
        body: typeof request.body === 'string' && request.body ? JSON.parse(request.body) : {},
        bytes: typeof request.body === 'string' ? '' : new TextDecoder().decode(request.body),
        isGivenUp: () => request.signal.aborted,
        async answer(statusCode, data, header = {}) {
          const body = typeof data === 'string' ? data : data === undefined ? '' : JSON.stringify(data)
          resolve({ statusCode, header, body })
          await flush()
        },
        async lose() {
          reject(new Error('connection lost'))
          await flush()
        },
      }
      service.calls.push(call)
      const answer = service.route(call)
      if (answer === 'hold') service.held.push(call)
      else if (answer === 'lose') void call.lose()
      else void call.answer(answer.status, answer.data, answer.header)
    })
  }

  /** Every upgrade that was asked for; the test plays the service with `tell`. */
  const sockets: { request: SocketRequest; tell: SocketEvents; sent: unknown[] }[] = []
  const device = createDevice({
    link: localLink(world),
    appid: DEMO_APP.appid,
    clock,
    send,
    connect(request, tell) {
      const socket = { request, tell, sent: [] as unknown[] }
      sockets.push(socket)
      return { send: (data) => void socket.sent.push(data), close: (code, reason) => tell.closed(code, reason) }
    },
  })
  device.lifecycle.launch()
  // Another `wx` for each run of the app, as the phone gives it: within one run those of the same key share a session.
  const launch = (more: Partial<CreateAuthOptions> = {}) =>
    createAuth({
      baseUrl: BASE_URL,
      wx: Object.create(device.wx),
      now: clock.now,
      ...options,
      ...more,
    })

  return {
    world,
    device,
    service,
    sockets,
    auth: launch(),
    /** A second copy of the package in the same run of the app, on the same storage: an independent subpackage has one. */
    addCopy: launch,
    /** The app starts anew on the same phone: nothing of the earlier run but the storage. */
    restart(more: Partial<CreateAuthOptions> = {}) {
      device.lifecycle.launch()
      return launch(more)
    },
    async advance(ms: number) {
      await flush()
      clock.advance(ms)
      await flush()
    },
    /** How many times `wx.login` (or another call) came back. */
    count: (event: string) => device.ledger.count(event),
  }
}

/** A `wx` of the kind that hands out its status as a string. */
export function withStringStatus(wx: Device['wx']): Device['wx'] {
  return {
    ...wx,
    request: (options) =>
      wx.request({
        ...options,
        success: (result) => options.success?.({ ...result, statusCode: String(result.statusCode) as never }),
      }),
  }
}

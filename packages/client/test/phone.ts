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
import type { CreateSessionResponse, RevocationReason } from '@weapp-auth/shared'
import { afterEach, vi } from 'vitest'
import { type CreateAuthOptions, createAuth } from '../src/index.ts'
import { pendingJobs } from './old-engine/timer-promise.ts'

export const BASE_URL = 'https://api.example.com'
export const IDLE_SECONDS = 7_200
export const ABSOLUTE_SECONDS = 30 * 24 * 3_600

/** One request that reached the network; a held one waits for the test to answer it. */
export interface Call {
  method: string
  url: string
  path: string
  header: Record<string, string>
  token: string | null
  body: Record<string, unknown>
  /** The body when it is no JSON. */
  bytes: string
  /** Whether the phone has stopped waiting for the answer. */
  isGivenUp(): boolean
  answer(status: number, data?: unknown, header?: Record<string, string>): Promise<void>
  lose(): Promise<void>
}

export interface Answer {
  status: number
  data?: unknown
  header?: Record<string, string>
}

/** The sign-in service, as far as a client sees it. */
export function createService() {
  const calls: Call[] = []
  const sessions = new Map<string, 'valid' | 'unknown' | RevocationReason>()
  const usedCodes: string[] = []
  const exchanges: (Answer | 'hold' | 'lose')[] = []
  let issuedCount = 0

  const service = {
    calls,
    sessions,
    /** Every code that was sent, in order. */
    usedCodes,
    /** What the next exchanges are answered, in order; then they succeed. */
    exchanges,
    /** Answers a business request, or holds it back. */
    business: null as ((call: Call) => Answer | 'hold' | 'lose') | null,
    absoluteSeconds: ABSOLUTE_SECONDS,
    issue(): CreateSessionResponse {
      const n = ++issuedCount
      const token = `wxs1.000.token-${n}`
      sessions.set(token, 'valid')
      return {
        token,
        tokenType: 'Bearer',
        expiresIn: IDLE_SECONDS,
        absoluteExpiresIn: service.absoluteSeconds,
        session: { id: `s${n}`, createdAt: '2026-01-01T00:00:00.000Z' },
        user: {
          id: 'u1',
          isNew: n === 1,
          profile: { nickname: '', avatarUrl: '', gender: 0, country: '', province: '', city: '', language: '' },
        },
      }
    },
    /** What the service says of a token: 401 with the reason, or the data. */
    judge(token: string | null): Answer {
      if (!token) return problem(401, 'session_missing')
      const state = sessions.get(token) ?? 'unknown'
      if (state === 'valid') return { status: 200, data: { ok: true } }
      return state === 'unknown' ? problem(401, 'session_invalid') : problem(401, 'session_revoked', state)
    },
    /** Ends every session. */
    revokeAll(reason: 'unknown' | RevocationReason = 'unknown') {
      for (const token of sessions.keys()) sessions.set(token, reason)
    },
    paths: () => calls.map(({ method, path }) => `${method} ${path}`),
    held: [] as Call[],
    route(call: Call): Answer | 'hold' | 'lose' {
      if (call.path === '/v1/sessions') {
        usedCodes.push(String(call.body.code))
        return exchanges.shift() ?? { status: 201, data: service.issue() }
      }
      if (call.path === '/v1/session' && call.method === 'DELETE') {
        if (call.token) sessions.set(call.token, 'signed_out')
        return { status: 204 }
      }
      return service.business?.(call) ?? service.judge(call.token)
    },
  }
  return service
}

export function problem(status: number, code: string, reason?: RevocationReason): Answer {
  return {
    status,
    data: { type: 'about:blank', title: code, status, code, requestId: 'r1', ...(reason && { reason }) },
  }
}

/** A phone whose clock stands still, an app on it, and the service it talks to. */
export function createPhone(options: Partial<CreateAuthOptions> = {}) {
  const clock = createClock({ running: false, startMs: Date.UTC(2026, 0, 1) })
  // Of a suspended app a timer fires when the app comes back.
  vi.stubGlobal('setTimeout', (fn: () => void, ms: number) =>
    clock.setTimeout(() => (device.thread.suspended ? device.thread.post(fn) : fn()), ms),
  )
  vi.stubGlobal('clearTimeout', clock.clearTimeout)
  const world = createWorld({ clock })
  const service = createService()

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

/** Lets everything run that needs no time to pass. */
export async function flush(): Promise<void> {
  for (let quiet = 0; quiet < 12; quiet++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (pendingJobs() > 0) quiet = 0
  }
}

/** What became of a promise, without waiting for it. */
export interface Watched<T> {
  state: 'pending' | 'resolved' | 'rejected'
  value?: T
  error?: unknown
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { state: 'pending' }
  promise.then(
    (value) => Object.assign(watched, { state: 'resolved', value }),
    (error: unknown) => Object.assign(watched, { state: 'rejected', error }),
  )
  return watched
}

afterEach(() => {
  vi.unstubAllGlobals()
})

import type { CreateSessionResponse, RevocationReason } from '@weapp-auth/shared'

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

/** Plays the sign-in service: it keeps what it was sent, and answers as the test says. */
export function createFakeService() {
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
    /** The answers to the next sign-ins, in order. Without any they succeed. */
    exchanges,
    /** Answers a business request, or holds it back. */
    business: null as ((call: Call) => Answer | 'hold' | 'lose') | null,
    /** Answers `GET /v1/session`, or holds it back. Null: says of each token what is true. */
    sessionRoute: null as ((call: Call) => Answer | 'hold' | 'lose') | null,
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
    /** The answer to a business request with this token: the data, or a 401 with the reason. */
    answerFor(token: string | null): Answer {
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
      if (call.path === '/v1/session') return service.sessionRoute?.(call) ?? service.answerFor(call.token)
      return service.business?.(call) ?? service.answerFor(call.token)
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

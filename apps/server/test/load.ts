import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { pino } from 'pino'
import { expect, onTestFinished, vi } from 'vitest'
import { reportLateness, startStopwatch } from './machine.ts'
import { call } from './process.ts'
import { type Service, startService } from './service.ts'

/** How long a request may take when a store is gone, as docs/outages.md says: one that asks it once, and one that asks it more often. */
const GUARD_DEADLINE_MS = 500
const DEADLINE_MS = 700
/** How soon after its store the service is back. */
const RECOVERY_MS = 1_000
/** How soon the service stops: connections that are kept open get a second for their last request. */
const CLOSE_MS = 1_500

export interface Answer {
  path: string
  status: number
  code: string | undefined
  retryAfter: string | null
  /** How long it took, without what a busy machine added. */
  ms: number
}

export interface SignIn extends Answer {
  /** How often WeChat was asked about the code, until now. */
  readonly exchanges: number
}

export interface LoadedService extends Service {
  /** Who is signed in. */
  userId: string
  /** Everything that was answered to the callers since the load began. */
  answers: Answer[]
  /** Every sign-in since then. */
  signIns: SignIn[]
  /** Signs somebody in who was never here. */
  signIn(): Promise<SignIn>
  ask(path: string): Promise<Answer>
  /** Resolves with the first answer from now on that has this status. */
  seen(status: number, path?: string): Promise<Answer>
  /** Every path of the load is answered with success again, soon. */
  recovered(): Promise<void>
  /** Ends the load and looks at what is true of every outage: here, how a sign-in may fail, and when at the latest. */
  settle(refusal?: Refusal): Promise<void>
}

export interface Refusal {
  status: number
  code: string
  retryAfter: string | null
  withinMs: number
}

/** How long WeChat takes, so that some are always about to be signed in. */
const EXCHANGE_MS = 200
/** One address may sign in 600 times a minute. */
const SIGN_IN_PAUSE_MS = 100

/** Of a sign-in when a store is. */
const GONE: Refusal = {
  status: 503,
  code: 'store_unavailable',
  retryAfter: '1',
  // WeChat's answer, which takes {@link EXCHANGE_MS}, is part of it.
  withinMs: 1_000,
}

/**
 * The service with somebody signed in and eight callers who never stop asking `paths`, and others who sign in one after
 * the other, so that whatever breaks breaks under way.
 */
export async function startLoaded(
  env: Record<string, string>,
  paths: readonly string[] = ['/v1/verify'],
): Promise<LoadedService> {
  const lines: { time: number; msg: string }[] = []
  const log: FastifyBaseLogger = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) })
  // Other tests sign in from this address too.
  const rateLimits = { keyPrefix: `weapp-auth-demo:test-${randomUUID()}:` }
  const service = await startService({ SESSION_CACHE_MS: '0', ...env }, () => {}, { log, rateLimits })
  const { baseUrl, world } = service
  const appid = world.apps[0]?.appid ?? ''
  // A busy machine may be too late for a deadline while the connections are being made.
  const { data } = await vi.waitFor(async () => {
    const answer = await call(`${baseUrl}/v1/sessions`, { body: { appid, code: world.login('alice', appid).code } })
    expect(answer.status).toBe(201)
    return answer
  }, 15_000)
  world.faults.set('jscode2session', { delayMs: EXCHANGE_MS })
  // What was said about the configuration.
  lines.length = 0
  const answers: Answer[] = []

  async function send(path: string, o: RequestInit): Promise<Answer> {
    const watch = startStopwatch()
    const response = await fetch(baseUrl + path, o)
    const text = await response.text()
    const ms = watch.ms()
    const { code } = text === '' ? { code: undefined } : JSON.parse(text)
    return { path, status: response.status, code, retryAfter: response.headers.get('retry-after'), ms }
  }
  const ask = (path: string) => send(path, { headers: { authorization: `Bearer ${data.token}` } })

  let users = 0
  const signIns: SignIn[] = []
  async function signIn(): Promise<SignIn> {
    const { code } = world.login(`user ${++users}`, appid)
    const answer = await send('/v1/sessions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ appid, code }),
    })
    const alias = world.ledger.alias('code', code)
    const signedIn: SignIn = {
      ...answer,
      get exchanges() {
        return world.ledger.count('jscode2session', { code: alias })
      },
    }
    signIns.push(signedIn)
    return signedIn
  }

  onTestFinished(reportLateness)
  let isOn = true
  const callers = Array.from({ length: 8 }, async (_, index) => {
    while (isOn) {
      answers.push(await ask(paths[index % paths.length] ?? ''))
      await sleep(5) // A phone does not ask again in the same millisecond.
    }
  })
  const phones = Array.from({ length: 3 }, async () => {
    while (isOn) {
      await signIn()
      await sleep(SIGN_IN_PAUSE_MS)
    }
  })
  const stop = async () => {
    isOn = false
    await Promise.all([...callers, ...phones])
  }
  onTestFinished(stop)

  const seen = async (status: number, path = paths[0]) => {
    const from = answers.length
    return vi.waitFor(() => {
      const found = answers.slice(from).find((answer) => answer.status === status && answer.path === path)
      if (!found) throw new Error(`no ${status} of ${path} yet`)
      return found
    }, 10_000)
  }
  await Promise.all(
    paths.map((path) =>
      vi.waitFor(() => expect(answers.some((a) => a.path === path && a.status < 300)).toBe(true), 15_000),
    ),
  )

  return {
    ...service,
    userId: data.user.id,
    answers,
    signIns,
    ask,
    signIn,
    seen,
    async recovered() {
      const watch = startStopwatch()
      await vi.waitFor(async () => {
        for (const path of [...paths, '/readyz']) expect((await ask(path)).status).toBeLessThan(300)
      }, 15_000)
      expect(watch.ms()).toBeLessThan(RECOVERY_MS)
      expect((await signIn()).status).toBe(201)
    },
    async settle(refusal = GONE) {
      await stop()
      // Of a store that is down nobody hears that their session is over.
      expect(
        [...new Set(answers.map(({ status }) => status))].filter((status) => status >= 300 && status !== 503),
      ).toEqual([])
      for (const { path, status, code, retryAfter, ms } of answers) {
        if (status === 503) expect({ code, retryAfter }).toEqual({ code: 'store_unavailable', retryAfter: '1' })
        expect(ms, path).toBeLessThan(path === '/v1/verify' ? GUARD_DEADLINE_MS : DEADLINE_MS)
      }
      const { withinMs, ...answer } = refusal
      for (const { status, code, retryAfter, exchanges, ms } of signIns) {
        if (status !== 201) expect({ status, code, retryAfter }).toEqual(answer)
        // A code is sent once; one that was refused, only if the store went while WeChat was asked.
        if (status === 201) expect(exchanges).toBe(1)
        else expect(exchanges).toBeLessThanOrEqual(1)
        expect(ms).toBeLessThan(withinMs)
      }
      // Whoever speaks of it, the connection or the requests that fail.
      const pausesMs = lines.slice(1).map(({ time }, index) => time - (lines[index]?.time ?? 0))
      for (const ms of pausesMs) expect(ms, JSON.stringify(lines)).toBeGreaterThanOrEqual(990)
      const watch = startStopwatch()
      await service.close()
      expect(watch.ms()).toBeLessThan(CLOSE_MS)
    },
  }
}

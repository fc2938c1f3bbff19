import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { Session } from '../src/index.ts'
import { type Call, createPhone, flush, problem, type Watched, watch } from './phone.ts'

const LOGIN_TIMEOUT_MS = 15_000
const REQUEST_TIMEOUT_MS = 5_000
/** A login that an overtaken one ends before, the request, and both once more for the replay; storage may be slow. */
const LONGEST_CALL_MS = 2 * (2 * LOGIN_TIMEOUT_MS + REQUEST_TIMEOUT_MS) + 5_000

type Step =
  | { do: 'request'; auth: 'required' | 'optional' }
  | { do: 'ensureLogin'; force: boolean }
  | { do: 'logout' }
  | { do: 'answer'; nth: number; with: 'judgement' | 'refusal' | 'trouble' | 'loss' }
  | { do: 'revoke'; reason: 'unknown' | 'replaced' | 'admin' }
  | { do: 'breakLogin'; how: 'fails' | 'hangs' }
  | { do: 'advance'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('request'), auth: fc.constantFrom('required', 'optional') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ensureLogin'), force: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('logout') }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('answer'),
      nth: fc.nat(5),
      with: fc.constantFrom('judgement', 'judgement', 'judgement', 'refusal', 'trouble', 'loss'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('revoke'), reason: fc.constantFrom('unknown', 'replaced', 'admin') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('breakLogin'), how: fc.constantFrom('fails', 'hangs') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('advance'),
      ms: fc.constantFrom(0, 1_000, 5_000, 10_000, 15_000, 7_200_000),
    }),
  },
) as fc.Arbitrary<Step>

async function run(steps: readonly Step[]): Promise<void> {
  const phone = createPhone({ loginTimeoutMs: LOGIN_TIMEOUT_MS })
  const { service, device, auth } = phone
  const issued = new Map<Call, string>()
  const lateExchanges = new Set<Call>()
  const pending: { watched: Watched<unknown>; dueMs: number }[] = []
  const events: unknown[] = []
  let forcedAtMs = Number.NEGATIVE_INFINITY
  let requests = 0
  let needless = 0

  const { login } = device.wx
  device.wx.login = (options) => {
    // 3: a login needs a reason: no usable session, or the user's own tap.
    if (auth.getSession() && device.clock.now() > forcedAtMs + LOGIN_TIMEOUT_MS) needless++
    login(options)
  }
  for (const name of ['login', 'logout', 'loginFail'] as const) auth.on(name, (detail) => events.push(detail))

  service.route = (call) => {
    if (call.path === '/v1/sessions') service.usedCodes.push(String(call.body.code))
    if (call.method !== 'DELETE') return 'hold'
    service.sessions.set(String(call.token), 'signed_out')
    return { status: 204 }
  }

  const heldNow = () => service.held.filter((call) => !call.isGivenUp())
  const isExchange = (call: Call) => call.path === '/v1/sessions'
  const track = (promise: Promise<unknown>) => {
    pending.push({ watched: watch(promise), dueMs: device.clock.now() + LONGEST_CALL_MS })
  }

  /** In steps, so that what waits for one timer can start the next in its own time. */
  async function pass(ms: number): Promise<void> {
    const stepMs = Math.max(1_000, ms / 20)
    for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) await phone.advance(Math.min(stepMs, leftMs))
  }

  async function answer(call: Call, how: (Step & { do: 'answer' })['with']): Promise<void> {
    service.held.splice(service.held.indexOf(call), 1)
    const before = auth.getSession()
    if (how === 'loss') {
      await call.lose()
      // 9: a network error never clears a session.
      if (!isExchange(call)) expect(auth.getSession()).toEqual(before)
      return
    }
    if (how === 'trouble') return call.answer(503, problem(503, 'store_unavailable').data)
    if (isExchange(call)) {
      if (how === 'refusal') return call.answer(403, problem(403, 'user_disabled').data)
      const body = service.issue()
      issued.set(call, body.token)
      await call.answer(201, body)
      // 6: after a logout no earlier login commits; what it got is revoked.
      if (lateExchanges.has(call)) {
        expect(auth.getSession()?.id).not.toBe(body.session.id)
        expect(service.sessions.get(body.token)).toBe('signed_out')
      }
      return
    }
    const { status, data } = how === 'refusal' ? problem(401, 'session_invalid') : service.judge(call.token)
    const isCurrent = before !== null && call.token === `wxs1.000.token-${before.id.slice(1)}`
    await call.answer(status, data)
    // 3, 4: what is said of another token leaves the current one alone, and causes no login.
    if (before && !isCurrent) expect(auth.getSession()?.id).toBe(before.id)
  }

  async function take(step: Step): Promise<void> {
    switch (step.do) {
      case 'request': {
        const sent = auth.request({ url: `/r${requests++}`, auth: step.auth, timeout: REQUEST_TIMEOUT_MS })
        return track(sent)
      }
      case 'ensureLogin':
        if (step.force) forcedAtMs = device.clock.now()
        return track(auth.ensureLogin({ force: step.force }))
      case 'logout':
        for (const call of heldNow()) if (isExchange(call)) lateExchanges.add(call)
        return track(auth.logout())
      case 'answer': {
        const call = heldNow()[step.nth % Math.max(1, heldNow().length)]
        return call && answer(call, step.with)
      }
      case 'revoke':
        return service.revokeAll(step.reason)
      case 'breakLogin':
        return device.faults.set(
          'wx.login',
          step.how === 'fails' ? { errMsg: 'system error', times: 1 } : { hang: true, times: 1 },
        )
      case 'advance':
        return pass(step.ms)
    }
  }

  function check(): void {
    expect(needless).toBe(0)
    // 1: at most one login is in flight.
    expect(heldNow().filter(isExchange).length).toBeLessThanOrEqual(1)
    // 2: at most one replay per request.
    for (let n = 0; n < requests; n++) {
      expect(service.calls.filter(({ path }) => path === `/r${n}`).length).toBeLessThanOrEqual(2)
    }
    // 7: a code is sent at most once.
    expect(new Set(service.usedCodes).size).toBe(service.usedCodes.length)
    // Every call settles, whatever WeChat does.
    for (const { watched, dueMs } of pending) {
      if (device.clock.now() >= dueMs) expect(watched.state).not.toBe('pending')
    }
  }

  for (const next of steps) {
    await take(next)
    await flush()
    check()
  }
  await pass(LONGEST_CALL_MS)
  check()

  // 10: tokens and codes are in no URL, error, event or session.
  const seen = JSON.stringify([
    service.calls.map(({ url }) => url),
    events,
    pending.map(({ watched }) => [watched.error, String(watched.error), (watched.value as Session | undefined)?.user]),
  ])
  for (const secret of [...issued.values(), ...service.usedCodes]) expect(seen).not.toContain(secret)
}

describe('whatever happens in whatever order', () => {
  test('the invariants hold', { timeout: 120_000 }, async () => {
    const numRuns = Number(process.env.WEAPP_AUTH_RUNS ?? 500)
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        try {
          await run(steps)
        } finally {
          vi.unstubAllGlobals()
        }
      }),
      { numRuns },
    )
  })
})

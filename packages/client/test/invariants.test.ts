import { writeSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { isAuthError, type Session } from '../src/index.ts'
import { type Call, problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { type Step, schedule } from './schedules.ts'
import { flush, type Watched, watch } from './watch.ts'

const LOGIN_TIMEOUT_MS = 15_000
const REQUEST_TIMEOUT_MS = 5_000
const LONGEST_REQUEST_MS = LOGIN_TIMEOUT_MS + REQUEST_TIMEOUT_MS
/** The storage and WeChat's word on its key may be waited for besides. */
const LONGEST_LOGIN_MS = LOGIN_TIMEOUT_MS + 2_000 + 2_000

/** @param hasRoute whether the service has `GET /v1/session` */
async function run(isWarm: boolean, hasRoute: boolean, steps: readonly Step[]): Promise<void> {
  let offsetMs = 0
  const phone = createPhone()
  const { service, device } = phone
  const now = () => device.clock.now() + offsetMs
  const told: unknown[] = []
  if (isWarm) await phone.auth.ensureLogin()
  await flush()
  const auth = phone.restart({
    loginTimeoutMs: LOGIN_TIMEOUT_MS,
    now,
    logger: (line) => told.push(line),
  })
  const issued = [...service.sessions.keys()]
  const lateExchanges = new Set<Call>()
  const pending: { watched: Watched<unknown>; dueMs: number; what: string }[] = []
  const tasks: { abort(): void }[] = []
  const neverSent = new Set<number>()
  const neverSentCodes = new Set<string>()
  /** What was found wrong where nobody waits for it. */
  const violations: string[] = []
  const loginsMs: number[] = []
  let forcedAtMs = Number.NEGATIVE_INFINITY
  let backgroundMs = 0
  let requests = 0
  let needless = 0
  /** Whether anybody has asked for a login of their own, which does not wait for the pause after a failed one. */
  let isForced = false
  /** The tokens that the service has refused. */
  const saidEnded = new Set<string>()
  const phoneCodes: string[] = []
  /** How often each phone code may be sent again: the service refused the login code beside it. */
  const resends = new Map<unknown, number>()
  /** The phone codes that were handed to `wx`, which sends one later while its ten places are taken. */
  const handedOver = new Set<unknown>()
  /** How often the service has erased the user. */
  let erasures = 0
  const codeRefused: { atMs: number; logins: number }[] = []
  let isDeaf = false

  /** Time the app was in front. */
  const foregroundMs = () => device.clock.now() - backgroundMs

  const { login, checkSession } = device.wx
  device.wx.login = (options) => {
    loginsMs.push(device.clock.now())
    // 3: a login needs a reason: no usable session, a session_key that WeChat was asked about, or the user's own tap.
    if (auth.getSession() && foregroundMs() > forcedAtMs + 2 * LOGIN_TIMEOUT_MS) needless++
    login(options)
  }
  device.wx.checkSession = (options) => {
    forcedAtMs = foregroundMs()
    checkSession(options)
  }
  const { request: realRequest } = device.wx
  device.wx.request = (options) => {
    handedOver.add((Object(options.data) as { phoneCode?: unknown }).phoneCode)
    if (!isDeaf) return realRequest(options)
    // No end is told, not even that of its own timeout.
    isDeaf = false
    return realRequest({ ...options, success() {}, fail() {} })
  }
  for (const name of ['login', 'logout', 'loginFail'] as const) auth.on(name, (detail) => told.push(detail))

  service.route = (call) => {
    if (call.path === '/v1/sessions') service.usedCodes.push(String(call.body.code))
    if (call.method !== 'DELETE') return 'hold'
    if (call.path === '/v1/me') {
      erasures++
      service.revokeAll('erased')
    } else if (call.path === '/v1/session') service.sessions.set(String(call.token), 'signed_out')
    else service.revokeAll('signed_out_elsewhere')
    return { status: 204 }
  }

  const heldNow = () => service.held.filter((call) => !call.isGivenUp())
  const isLogin = (call: Call) => call.path === '/v1/sessions' || call.path === '/login'
  const track = (what: string, promise: Promise<unknown>, longestMs = LONGEST_LOGIN_MS) => {
    pending.push({ what, watched: watch(promise), dueMs: foregroundMs() + longestMs })
  }

  /**
   * In steps, so that what waits for one timer can start the next in its own time. While a call waits, a step is a second:
   * on a phone that is in front, nothing holds up a promise for minutes.
   */
  async function pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; ) {
      const isAwaited = pending.some(({ watched }) => watched.state === 'pending')
      const stepMs = Math.min(leftMs, isAwaited ? 1_000 : Math.max(1_000, ms / 20))
      await phone.advance(stepMs)
      leftMs -= stepMs
    }
  }

  async function answer(call: Call, how: (Step & { do: 'answer' })['with']): Promise<void> {
    service.held.splice(service.held.indexOf(call), 1)
    const before = auth.getSession()
    const erasuresBefore = erasures
    // The end of one call makes room for the next: an erasure that waited for one of the ten places has ended the session.
    const isErased = () => erasures > erasuresBefore
    if (how === 'loss') {
      await call.lose()
      // 9: a network error never clears a session. It may let go of a key that kept a passed hint from mattering.
      if (!isErased() && (!before || before.expiresAtMs > now())) expect(auth.getSession()).toEqual(before)
      return
    }
    if (how === 'trouble') return call.answer(503, problem(503, 'store_unavailable').data)
    if (isLogin(call)) {
      if (how === 'refused') return call.answer(403, problem(403, 'user_disabled').data)
      if (how === 'code refused' && call.path === '/v1/sessions') {
        codeRefused.push({ atMs: device.clock.now(), logins: loginsMs.length })
        resends.set(call.body.phoneCode, 1)
        return call.answer(400, problem(400, 'code_invalid').data)
      }
      const body = service.issue()
      issued.push(body.token)
      await call.answer(201, body)
      // 6: after a logout no earlier login commits.
      if (lateExchanges.has(call)) expect(auth.getSession()?.id).not.toBe(body.session.id)
      return
    }
    if (call.path === '/v1/session' && !hasRoute) return call.answer(404)
    if (how === 'foreign' && call.path !== '/v1/session') {
      await call.answer(401, { message: 'no' })
      // 3: a 401 for reasons of its own ends nothing, unless the service has said that the session ended.
      const isCleared = before && before.expiresAtMs > now() && auth.getSession()?.id !== before.id && !isErased()
      if (hasRoute && !saidEnded.has(String(call.token))) expect(isCleared).toBeFalsy()
      return
    }
    const { status, data } = how === 'refused' ? problem(401, 'session_invalid') : service.answerFor(call.token)
    if (status === 401) saidEnded.add(String(call.token))
    const isCurrent = before !== null && call.token === `wxs1.000.token-${before.id.slice(1)}`
    await call.answer(status, data)
    // 3, 4: what is said of another token leaves the current one alone, and causes no login.
    if (before && !isCurrent && !isErased()) expect(auth.getSession()?.id).toBe(before.id)
  }

  function request({ auth: mode, style }: Step & { do: 'request' }): void {
    const options = { url: `/r${requests++}`, auth: mode, timeout: REQUEST_TIMEOUT_MS }
    if (style === 'promise') {
      const sent = auth.request(options)
      tasks.push(sent)
      track('request', sent, LONGEST_REQUEST_MS)
      return
    }
    let ends = 0
    const ended = new Promise<void>((resolve) => {
      const callbacks = {
        success: () => void ends++,
        fail: () => void ends++,
        complete() {
          // Once, and after one of the others.
          expect(ends).toBe(1)
          resolve()
        },
      }
      tasks.push(auth.request({ ...options, ...callbacks }))
    })
    track('request with callbacks', ended, LONGEST_REQUEST_MS)
  }

  async function take(step: Step): Promise<void> {
    switch (step.do) {
      case 'request':
        return request(step)
      case 'abort':
        return abort(step.nth % Math.max(1, tasks.length))
      case 'ensureLogin':
        if (step.force) isForced = true
        if (step.force) forcedAtMs = foregroundMs()
        return track('ensureLogin', auth.ensureLogin({ force: step.force }))
      case 'phoneLogin':
        isForced = true
        forcedAtMs = foregroundMs()
        return track('phoneLogin', loginWithPhone(step.timeoutMs))
      case 'bindPhone':
        // As decrypt below.
        return void auth.bindPhone(newPhoneCode()).catch(() => {})
      case 'eraseUser':
        return eraseUser()
      case 'loginWith':
        isForced = true
        return track('loginWith', auth.loginWith({ url: '/login', data: {} }))
      case 'ensureSessionKey':
        // It makes a passed hint not matter, also in the middle of the login that the hint has caused.
        forcedAtMs = foregroundMs()
        isForced = true
        return track('ensureSessionKey', Promise.race([auth.ensureSessionKey(), passedBy()]))
      case 'decrypt':
        // A request of the default timeout, which is longer than what is looked at here.
        return void auth.decrypt({ encryptedData: 'AAAA', iv: 'BBBB' }).catch(() => {})
      case 'logout':
        for (const call of heldNow()) if (isLogin(call)) lateExchanges.add(call)
        return track('logout', auth.logout({ everywhere: step.everywhere }))
      case 'suspend':
        device.lifecycle.hide()
        await pass(5_000)
        await phone.advance(step.ms)
        backgroundMs += step.ms
        device.lifecycle.show()
        return flush()
      case 'jump':
        offsetMs = step.ms
        // A login that had its reason by the clock of before may still be trying.
        forcedAtMs = foregroundMs()
        return
      case 'storage':
        return setStorage(step.how)
      case 'answer': {
        const call = heldNow()[step.nth % Math.max(1, heldNow().length)]
        return call && answer(call, step.with)
      }
      case 'revoke':
        return service.revokeAll(step.reason)
      case 'breakWx':
        if (step.how === 'request is deaf') {
          isDeaf = true
          return
        }
        if (step.how === 'key is dead') {
          return device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin', times: 1 })
        }
        return device.faults.set(
          'wx.login',
          step.how === 'fails' ? { errMsg: 'system error', times: 1 } : { hang: true, times: 1 },
        )
      case 'advance':
        return pass(step.ms)
    }
  }

  function newPhoneCode(): string {
    phoneCodes.push(`phone-code-${phoneCodes.length}-`)
    return phoneCodes.at(-1) as string
  }

  async function loginWithPhone(timeoutMs: number | undefined): Promise<void> {
    const phoneCode = newPhoneCode()
    try {
      await auth.ensureLogin(timeoutMs ? { phoneCode, timeoutMs } : { phoneCode })
      // Never joins a login under way, which would prove no phone number.
      expect(sendingsOf(phoneCode)).toBeGreaterThan(0)
    } catch (error) {
      if (!isAuthError(error)) violations.push(String(error))
      const { code } = Object(error) as { code?: unknown }
      const isSent = handedOver.has(phoneCode)
      if (code === 'login_throttled' && isSent) violations.push('a phone code was sent by a throttled login')
      // What was given up before it was sent is never sent.
      if (!isSent) neverSentCodes.add(phoneCode)
    }
  }

  function sendingsOf(phoneCode: string): number {
    return service.calls.filter(({ body }) => body.phoneCode === phoneCode || body.code === phoneCode).length
  }

  async function eraseUser(): Promise<void> {
    const isSignedIn = auth.getSession() !== null && !isDeaf
    const logins = heldNow().filter(isLogin)
    const erasuresBefore = erasures
    auth.eraseUser().catch(() => {})
    await flush()
    if (!isSignedIn || erasures === erasuresBefore) return
    // 6: it is a sign-out like any other, and its answer came before that of any login.
    expect(auth.getSession()).toBeNull()
    for (const call of logins) lateExchanges.add(call)
  }

  function abort(n: number): void {
    const isUnsent = n in tasks && callsOf(n) === 0
    tasks[n]?.abort()
    if (isUnsent) neverSent.add(n)
  }

  function callsOf(n: number): number {
    return service.calls.filter(({ path }) => path === `/r${n}`).length
  }

  function setStorage(how: (Step & { do: 'storage' })['how']): void {
    for (const point of ['wx.setStorage', 'wx.removeStorage'] as const) device.faults.clear(point)
    if (how === 'full') device.faults.set('wx.setStorage', { errMsg: ':quota reached' })
    if (how === 'silent') device.faults.set('wx.setStorage', { hang: true })
    if (how === 'cleared') device.storage.clear()
  }

  /** A logout in its middle leaves it to the next look; the deadline of the login it may need is what counts. */
  function passedBy(): Promise<void> {
    return new Promise((resolve) => auth.on('logout', () => resolve()))
  }

  function check(): void {
    expect(violations).toEqual([])
    expect(needless).toBe(0)
    // 1: at most one login is in flight.
    expect(heldNow().filter(isLogin).length).toBeLessThanOrEqual(1)
    // 2: at most one replay per request.
    for (let n = 0; n < requests; n++) {
      expect(callsOf(n)).toBeLessThanOrEqual(neverSent.has(n) ? 0 : 2)
    }
    // After a refused code there is at most one more, then a pause of a second at least.
    for (const { atMs, logins } of isForced ? [] : codeRefused) {
      expect(loginsMs.slice(logins).filter((loginMs) => loginMs < atMs + 1_000).length).toBeLessThanOrEqual(1)
    }
    // 7: a code is sent at most once.
    expect(new Set(service.usedCodes).size).toBe(service.usedCodes.length)
    // 7: so is a phone code, or twice when the service refused the login code beside it.
    for (const phoneCode of phoneCodes) {
      const most = neverSentCodes.has(phoneCode) ? 0 : 1 + (resends.get(phoneCode) ?? 0)
      expect(sendingsOf(phoneCode)).toBeLessThanOrEqual(most)
    }
    // 8: at most 3 logins in 10 s.
    loginsMs.forEach((atMs, n) => {
      expect(loginsMs.filter((otherMs, m) => m > n && otherMs < atMs + 10_000).length).toBeLessThanOrEqual(2)
    })
    // 5: every call settles within loginTimeoutMs and its own timeout of foreground time, whatever WeChat does.
    for (const { what, watched, dueMs } of pending) {
      if (foregroundMs() >= dueMs) expect([what, watched.state]).not.toEqual([what, 'pending'])
    }
  }

  for (const next of steps) {
    await take(next)
    await flush()
    check()
  }
  await pass(Math.max(LONGEST_REQUEST_MS, LONGEST_LOGIN_MS))
  check()

  // 10: tokens go to one origin, in a header, and with codes they are in no URL, log, error, event or session.
  expect(service.calls.every(({ url }) => url.startsWith('https://api.example.com/'))).toBe(true)
  const seen = JSON.stringify([
    service.calls.map(({ url }) => url),
    told,
    pending.map(({ watched }) => [watched.error, String(watched.error), (watched.value as Session | undefined)?.user]),
  ])
  for (const secret of [...issued, ...service.usedCodes, ...phoneCodes]) expect(seen).not.toContain(secret)
}

describe('whatever happens in whatever order', () => {
  // Found as a random schedule: a step of six minutes held up the login, and the property called it late.
  test('the invariants hold when a dead session_key is renewed while the storage is silent, and two hours pass', async () => {
    const answered: Step = { do: 'answer', nth: 0, with: 'truth' }
    await run(false, false, [
      { do: 'breakWx', how: 'key is dead' },
      { do: 'storage', how: 'silent' },
      { do: 'ensureSessionKey' },
      answered,
      answered,
      { do: 'advance', ms: 7_200_000 },
    ])
  })

  // The phone code was sent by the second attempt, after its caller had been told that the login took too long.
  test('the invariants hold when wx.login fails for a phone code and the caller gives up before the second attempt', async () => {
    await run(false, true, [
      { do: 'ensureLogin', force: false },
      { do: 'breakWx', how: 'fails' },
      { do: 'phoneLogin', timeoutMs: 3_000 },
      { do: 'advance', ms: 1_000 },
      { do: 'advance', ms: 1_000 },
      { do: 'answer', nth: 0, with: 'truth' },
      { do: 'advance', ms: 1_000 },
    ])
  })

  const crowd: Step[] = Array.from({ length: 10 }, () => ({ do: 'request', auth: 'none', style: 'promise' }))
  const erased: Step = { do: 'eraseUser' }

  // What waits for a place is sent at a moment of its own; the property took the end of another call for the cause.
  test.each<[string, Step[]]>([
    [
      'an erasure waits for a place in wx and a call is lost',
      [...crowd, erased, { do: 'answer', nth: 0, with: 'loss' }],
    ],
    [
      'an erasure waits for a place in wx and a call is answered 401',
      [...crowd, erased, { do: 'answer', nth: 0, with: 'foreign' }],
    ],
    [
      'an erasure waits for a place in wx and a call is answered',
      [...crowd, erased, { do: 'answer', nth: 0, with: 'truth' }],
    ],
    [
      'an erasure waits for a place in wx longer than a login under way',
      [{ do: 'ensureLogin', force: true }, ...crowd, ...crowd, erased, { do: 'answer', nth: 0, with: 'truth' }],
    ],
    [
      'a phone code waits for a place in wx when its caller gives up',
      [...crowd, { do: 'phoneLogin', timeoutMs: 3_000 }, { do: 'advance', ms: 5_000 }],
    ],
  ])('the invariants hold when %s', async (_, steps) => run(true, true, steps))

  const numRuns = Number(process.env.WEAPP_AUTH_RUNS ?? 2_000)
  /** How long a schedule that failed is made smaller. Not long in a mutation run, which plays few of them for each change. */
  const longestShrinkMs = Math.min(60_000, 20 * numRuns)

  // A guard against a hang, not a promise.
  test('the invariants hold', { timeout: 60_000 + 500 * numRuns }, async () => {
    let failedAtMs: number | null = null
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.nat(3), schedule, async (isWarm, routeless, steps) => {
        // What is tried later counts as no smaller counterexample, so that the report comes soon.
        if (failedAtMs !== null && Date.now() > failedAtMs + longestShrinkMs) return
        try {
          await run(isWarm, routeless > 0, steps)
        } catch (error) {
          if (failedAtMs === null) tellFailure(error, [isWarm, routeless > 0, steps])
          failedAtMs ??= Date.now()
          throw error
        } finally {
          vi.unstubAllGlobals()
        }
      }),
      { numRuns },
    )
  })

  /** Before it is made smaller, which takes a while: a run that is ended meanwhile has said what failed. */
  function tellFailure(error: unknown, args: Parameters<typeof run>): void {
    writeSync(2, `The invariants do not hold: ${error}\nrun(...${JSON.stringify(args)})\n`)
  }
})

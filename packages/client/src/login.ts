import { type CreateSessionRequest, ROUTES } from '@weapp-auth/shared'
import { after, start, type Underway } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import type { Issued, Service, SignInRequest } from './service.ts'
import { failed, type WeChat } from './wx.ts'

export interface LoginDeps<User> {
  wechat: WeChat
  service: Service<User>
  baseUrl: string
  appid: () => string
  device: boolean
  loginData: unknown
  loginTimeoutMs: number
}

const RETRY_DELAY_MS = 300

/** How long those who come after a failed login get its error at once; doubles with each failure, up to the most. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 8_000

// WeChat allows four a second for a user and twice the page views a day for all of them; a loop around a login spends
// that for everybody. https://developers.weixin.qq.com/miniprogram/dev/framework/performance/api-frequency.html
const CEILING = 3
const CEILING_WINDOW_MS = 10_000

/** The two ways to a session: each begins a login, which ends in `land` or `fail` unless it is given up before. */
export interface Login<Landed> {
  /**
   * With a code of `wx.login`.
   *
   * @param replaced the token of the session that the new one takes the place of
   * @param force for the user's own tap: skips the pause after a failure, never the ceiling
   * @throws AuthError at once, where no login may begin now
   */
  withCode(replaced: string | null, force: boolean): Underway<Landed>
  /** With what the application knows of the user; once, because it may hold something that works once. */
  withRequest(replaced: string | null, request: SignInRequest): Underway<Landed>
}

export function createLogin<User, Landed>(
  deps: LoginDeps<User>,
  land: (issued: Issued<User>, isOwn: boolean) => Landed,
  fail: (error: AuthError) => void,
): Login<Landed> {
  const { wechat, service } = deps
  // Both windows end by timers, not by comparing times: a phone's clock may jump.
  let recentLogins = 0
  let pauseMs = FIRST_PAUSE_MS
  let pausedBy: AuthError | null = null

  function fly(isOwn: boolean, run: (flight: Underway<Landed>) => Promise<Issued<User>>): Underway<Landed> {
    const flight = start<Landed>(deps.loginTimeoutMs, () => lose(new AuthError('login_timeout', 'login:fail timeout')))

    function lose(error: AuthError): void {
      if (flight.isOver()) return
      if (!isOwn) pause(error)
      fail(error)
      flight.giveUp(Promise.reject(error))
    }

    run(flight).then(
      (issued) => {
        if (flight.isOver()) return void service.revoke(issued.token)
        pausedBy = null
        pauseMs = FIRST_PAUSE_MS
        flight.end(land(issued, isOwn))
      },
      (failure) => lose(failed(failure, 'login_failed')),
    )
    return flight
  }

  function pause(error: AuthError): void {
    pausedBy = error
    after(error.retryAfterMs || pauseMs, () => {
      if (pausedBy === error) pausedBy = null
    })
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }

  async function attempt(flight: Underway<Landed>, replaced: string | null): Promise<Issued<User>> {
    const { appid, device, loginData } = deps
    // Before the code, so that none is spent when one of these throws.
    const data: Partial<CreateSessionRequest> = {
      appid: appid(),
      device: device ? wechat.device() : undefined,
      data: typeof loginData === 'function' ? await loginData() : loginData,
    }
    if (!flight.isOver()) {
      recentLogins++
      after(CEILING_WINDOW_MS, () => recentLogins--)
      data.code = await wechat.login()
    }
    // A code that comes too late is never sent.
    if (flight.isOver()) throw loggedOut()
    return service.signIn({ url: deps.baseUrl + ROUTES.sessions, data }, replaced, flight.use)
  }

  return {
    withCode(replaced, force) {
      if (wechat.isSinglePage()) throw new AuthError('unavailable', 'login:fail nobody can sign in in single-page mode')
      if (recentLogins >= CEILING) throw new AuthError('login_throttled', 'login:fail more than 3 logins in 10 s')
      if (pausedBy && !force) throw pausedBy

      return fly(false, (flight) =>
        attempt(flight, replaced).catch(async (failure) => {
          const error = failed(failure, 'login_failed')
          if (!isWorthRepeating(error)) throw error
          await new Promise<void>((resolve) => after(RETRY_DELAY_MS, resolve))
          if (recentLogins >= CEILING) throw error
          return attempt(flight, replaced)
        }),
      )
    },

    withRequest: (replaced, request) => fly(true, ({ use }) => service.signIn(request, replaced, use)),
  }
}

/** What may go well a moment later; a refusal will not, and a service that names a time is asked no earlier. */
function isWorthRepeating({ code, retryAfterMs }: AuthError): boolean {
  return !retryAfterMs && /^(network|login_failed|unavailable)$/.test(code)
}

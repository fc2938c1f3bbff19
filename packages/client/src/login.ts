import { type CreateSessionRequest, ROUTES } from '@weapp-auth/shared'
import type { LoginWithRequest } from './contract.ts'
import { after, begin, type Underway } from './deadline.ts'
import { AuthError, toAuthError } from './errors.ts'
import type { Issued, Service } from './service.ts'
import type { WeChat } from './wx.ts'

/** What a login needs. */
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

/** After a failed login, callers get its error at once for this time. It doubles with each failure up to the maximum. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 8_000

// WeChat allows four `wx.login` a second for a user and twice the page views a day for all users; a loop around a login
// spends that for everybody. https://developers.weixin.qq.com/miniprogram/dev/framework/performance/api-frequency.html
const CEILING = 3
const CEILING_WINDOW_MS = 10_000

/** The code of a `getPhoneNumber` button, and who waits for what becomes of it. */
export interface PhoneProof {
  code: string
  /** Whether its caller has stopped waiting: then the code, which works once and costs money, is not sent any more. */
  isGivenUp(): boolean
}

/** The two ways to start a login. It ends in `commit` or `fail`, unless it is abandoned before. */
export interface Login<Result> {
  /**
   * Signs in with a code of `wx.login`.
   *
   * @param replaced the token of the session that the new one replaces
   * @param skipsPause whether to ignore the pause after a failed login; the ceiling is never ignored
   * @param phone proves the user's phone number with the login
   * @throws AuthError at once, when no login may start now
   */
  withCode(replaced: string | null, skipsPause: boolean, phone?: PhoneProof): Underway<Result>
  /** Signs in with the application's own request. It is sent once, because it may hold something that works once. */
  withRequest(replaced: string | null, request: LoginWithRequest): Underway<Result>
}

/**
 * @param beforeCommit is waited for when a code was exchanged; it may abandon the login
 * @param commit makes the session of a finished login the current one; `isOwn` when it was made by `withRequest`
 * @param fail is told why a login failed
 */
export function createLogin<User, Result>(
  deps: LoginDeps<User>,
  beforeCommit: () => Promise<void>,
  commit: (issued: Issued<User>, isOwn: boolean) => Result,
  fail: (error: AuthError) => void,
): Login<Result> {
  const { wechat, service } = deps
  // Both times are counted by timers, not by comparing clocks: a phone's clock may jump.
  let recentLogins = 0
  let pauseMs = FIRST_PAUSE_MS
  /** The error of the last login while its pause lasts. Null: no pause. */
  let pausedBy: AuthError | null = null

  function start(isOwn: boolean, run: (login: Underway<Result>) => Promise<Issued<User>>): Underway<Result> {
    const login = begin<Result>(deps.loginTimeoutMs, () => end(late()))

    function end(error: AuthError): void {
      if (login.isOver()) return
      if (!isOwn) pause(error)
      fail(error)
      login.abandon(Promise.reject(error))
    }

    run(login).then(
      (issued) => {
        // Nobody will use a session that comes too late.
        if (login.isOver()) return void service.revoke(issued.token)
        pausedBy = null
        pauseMs = FIRST_PAUSE_MS
        login.settle(commit(issued, isOwn))
      },
      (failure) => end(toAuthError(failure, 'login_failed')),
    )
    return login
  }

  function pause(error: AuthError): void {
    pausedBy = error
    after(error.retryAfterMs || pauseMs, () => {
      if (pausedBy === error) pausedBy = null
    })
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }

  /** @param onSend is called when the code, and the phone code, are sent; it gets the task of `wx.request` */
  async function exchange(
    login: Underway<Result>,
    replaced: string | null,
    phone: PhoneProof | undefined,
    onSend: (task: unknown) => void,
  ): Promise<Issued<User>> {
    const { appid, device, loginData } = deps
    const isGivenUp = () => login.isOver() || (!!phone && phone.isGivenUp())
    // Before `wx.login`, so that no code is spent when one of these throws.
    const data: Partial<CreateSessionRequest> = {
      appid: appid(),
      phoneCode: phone?.code,
      device: device ? wechat.device() : undefined,
      data: typeof loginData === 'function' ? await loginData() : loginData,
    }
    if (!isGivenUp()) {
      recentLogins++
      after(CEILING_WINDOW_MS, () => recentLogins--)
      data.code = await wechat.login()
    }
    // A code that comes too late is never sent. Nor does the login go on without the phone code: at the first sign-in the phone
    // number may decide who the user is.
    if (isGivenUp()) throw late()
    const issued = await service.login({ url: deps.baseUrl + ROUTES.sessions, data }, replaced, onSend)
    await beforeCommit()
    return issued
  }

  return {
    withCode(replaced, skipsPause, phone) {
      if (wechat.isSinglePage()) throw new AuthError('unavailable', 'login:fail nobody can sign in in single-page mode')
      if (recentLogins >= CEILING) throw new AuthError('login_throttled', 'login:fail more than 3 logins in 10 s')
      if (pausedBy && !skipsPause) throw pausedBy

      return start(false, (login) => {
        let isSent = false
        const attempt = () =>
          exchange(login, replaced, phone, (task) => {
            isSent = true
            login.setTask(task)
          })
        return attempt().catch(async (failure) => {
          const error = toAuthError(failure, 'login_failed')
          // A phone code may have been spent, unless the service says that it refused the login code.
          const isPhoneCodeSpent = phone && isSent && !REFUSED_CODE.test(String(error.problem))
          if (isPhoneCodeSpent || !isWorthRepeating(error)) throw error
          await new Promise<void>((resolve) => after(RETRY_DELAY_MS, resolve))
          if (recentLogins >= CEILING) throw error
          return attempt()
        })
      })
    },

    withRequest: (replaced, request) => start(true, ({ setTask }) => service.login(request, replaced, setTask)),
  }
}

function late(): AuthError {
  return new AuthError('login_timeout', 'login:fail timeout')
}

/**
 * Whether a second attempt, with a new code, may succeed a moment later. Not when the service named a time with
 * `Retry-After`, and not when its operator has to act first.
 */
function isWorthRepeating({ code, problem, retryAfterMs, retryable }: AuthError): boolean {
  if (retryAfterMs) return false
  return REFUSED_CODE.test(String(problem)) || (retryable && /^(network|login_failed|unavailable)$/.test(code))
}

/** The service refuses the code, not the user: it was too old, or sent twice on the way. */
const REFUSED_CODE = /^(code_invalid|code_used|login_in_progress)$/

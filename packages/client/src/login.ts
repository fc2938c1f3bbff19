import type { CreateSessionRequest } from '@weapp-auth/shared'
import { sleep, within } from './deadline.ts'
import { AuthError } from './errors.ts'
import type { Issued, Service } from './service.ts'
import type { RequestTask, WeChat } from './wx.ts'

/**
 * One login: a code from WeChat, its exchange, `take` with what came of it, and when the next may be tried.
 *
 * @param force for the user's own tap: skips the pause after a failure, never the ceiling
 * @param isCurrent false once nobody waits for the outcome: then nothing more is sent, and `take` is not called
 */
export type Login<User> = <Taken>(
  force: boolean,
  isCurrent: () => boolean,
  take: (issued: Issued<User>) => Taken,
) => Promise<Taken>

export interface LoginOptions<User> {
  wechat: WeChat
  service: Service<User>
  appid: () => string
  device: boolean
  loginData: unknown
  timeoutMs: number
  onFail: (error: AuthError) => void
}

const RETRY_DELAY_MS = 300

/** How long those who come after a failed login get its error at once; doubles with each failure, up to the most. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 8_000

// WeChat allows four a second for a user and twice the page views a day for all of them; a loop around a login spends
// that for everybody. https://developers.weixin.qq.com/miniprogram/dev/framework/performance/api-frequency.html
const CEILING = 3
const CEILING_WINDOW_MS = 10_000

export function createLogin<User>(options: LoginOptions<User>): Login<User> {
  const { wechat, service, appid, device, loginData, timeoutMs, onFail } = options
  // Both windows end by timers, not by comparing times: a phone's clock may jump.
  let recentLogins = 0
  let pauseMs = FIRST_PAUSE_MS
  let pausedBy: AuthError | null = null
  let task: RequestTask | null = null

  async function describe(): Promise<Omit<CreateSessionRequest, 'code'>> {
    return {
      appid: appid(),
      device: device ? wechat.device() : undefined,
      data: typeof loginData === 'function' ? await loginData() : loginData,
    }
  }

  async function attempt(isCurrent: () => boolean): Promise<Issued<User>> {
    // Before the code, so that none is spent when this throws.
    const body = await describe().catch((error) => {
      throw new AuthError('invalid_argument', `login:fail ${error}`, { cause: error })
    })
    if (!isCurrent()) throw overtaken()
    recentLogins++
    setTimeout(() => recentLogins--, CEILING_WINDOW_MS)
    const code = await wechat.login(timeoutMs)
    if (!isCurrent()) throw overtaken()
    return service.exchange(Object.assign({ code }, body), timeoutMs, (started) => {
      task = started
    })
  }

  async function attemptTwice(isCurrent: () => boolean): Promise<Issued<User>> {
    try {
      return await attempt(isCurrent)
    } catch (error) {
      if (!isWorthRepeating(error as AuthError)) throw error
      await sleep(RETRY_DELAY_MS)
      if (recentLogins >= CEILING) throw error
      return attempt(isCurrent)
    }
  }

  return async (force, isCurrent, take) => {
    if (pausedBy && !force) throw pausedBy
    if (recentLogins >= CEILING) throw new AuthError('login_throttled', 'login:fail more than 3 logins in 10 s')

    const taken = attemptTwice(isCurrent).then((issued) => {
      if (isCurrent()) return take(issued)
      void service.revoke(issued.token)
      throw overtaken()
    })
    try {
      const outcome = await within(timeoutMs, taken, () => {
        // Or the next login would begin beside an exchange that is still under way.
        if (task) task.abort()
        throw new AuthError('login_timeout', 'login:fail timeout')
      })
      pausedBy = null
      pauseMs = FIRST_PAUSE_MS
      return outcome
    } catch (error) {
      if (isCurrent()) pause(error as AuthError)
      throw error
    }
  }

  function pause(error: AuthError): void {
    pausedBy = error
    setTimeout(() => {
      if (pausedBy === error) pausedBy = null
    }, error.retryAfterMs || pauseMs)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    onFail(error)
  }
}

/** What may go well a moment later; a refusal will not, and a service that names a time is asked no earlier. */
function isWorthRepeating({ code, retryAfterMs }: AuthError): boolean {
  return code === 'network' || code === 'login_failed' || (code === 'unavailable' && !retryAfterMs)
}

function overtaken(): AuthError {
  return new AuthError('logged_out', 'login:fail overtaken')
}

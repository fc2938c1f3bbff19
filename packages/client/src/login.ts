import type { CreateSessionRequest } from '@weapp-auth/shared'
import { sleep } from './deadline.ts'
import { AuthError } from './errors.ts'
import type { Issued, Service } from './service.ts'
import type { WeChat } from './wx.ts'

/** One login: a code from WeChat, its exchange for a session, and when either may be tried again. */
export interface Login<User> {
  /** Why no login may start now, or null. `force` is the user's own tap: it skips the cooldown, never the ceiling. */
  refusal(force: boolean): AuthError | null
  /** @param isCurrent false once nobody waits for the outcome: then nothing more is sent */
  run(isCurrent: () => boolean): Promise<Issued<User>>
  succeeded(): void
  failed(error: AuthError): void
}

export interface LoginOptions<User> {
  wechat: WeChat
  service: Service<User>
  appid: () => string
  device: boolean
  loginData: unknown
  timeoutMs: number
}

const RETRY_DELAY_MS = 300
const COOLDOWN_MS = [1_000, 2_000, 4_000, 8_000]

// WeChat allows four a second for a user and twice the page views a day for all of them; a loop around a login spends
// that for everybody. https://developers.weixin.qq.com/miniprogram/dev/framework/performance/api-frequency.html
const CEILING = 3
const CEILING_WINDOW_MS = 10_000

export function createLogin<User>({
  wechat,
  service,
  appid,
  device,
  loginData,
  timeoutMs,
}: LoginOptions<User>): Login<User> {
  // Both windows end by timers, not by comparing times: a phone's clock may jump.
  let recentLogins = 0
  let failures = 0
  let cooldown: AuthError | null = null

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
    return service.exchange(Object.assign({ code }, body), timeoutMs)
  }

  return {
    refusal(force) {
      if (cooldown && !force) return cooldown
      return recentLogins < CEILING ? null : new AuthError('login_throttled', 'login:fail more than 3 logins in 10 s')
    },

    async run(isCurrent) {
      try {
        return await attempt(isCurrent)
      } catch (error) {
        if (!isWorthRepeating(error)) throw error
        await sleep(RETRY_DELAY_MS)
        if (!isCurrent() || recentLogins >= CEILING) throw error
        return attempt(isCurrent)
      }
    },

    succeeded() {
      failures = 0
      cooldown = null
    },

    failed(error) {
      cooldown = error
      const pauseMs = error.retryAfterMs ?? COOLDOWN_MS[Math.min(failures++, COOLDOWN_MS.length - 1)]
      setTimeout(() => {
        if (cooldown === error) cooldown = null
      }, pauseMs)
    },
  }
}

/** What may go well a moment later; a refusal will not, and a service that names a time is asked no earlier. */
function isWorthRepeating(error: unknown): boolean {
  if (!(error instanceof AuthError)) return false
  const { code, retryAfterMs } = error
  return code === 'network' || code === 'login_failed' || (code === 'unavailable' && retryAfterMs === undefined)
}

function overtaken(): AuthError {
  return new AuthError('logged_out', 'login:fail overtaken')
}

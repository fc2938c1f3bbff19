import { type Callbacks, callApi, callEitherStyle, WxFailure } from './api-call.ts'
import { type DeviceContext, SINGLE_PAGE_SCENE } from './context.ts'
import { withFault } from './device-fault.ts'
import { NETWORK_ERRNO } from './network.ts'
import { overNetwork, recorded } from './wechat-call.ts'

/** What `wx.login` gives; `fromCache` is there only when the answer came from the phone's cache. */
export interface LoginResult {
  code: string
  fromCache?: boolean
}

export interface LoginOptions extends Callbacks<LoginResult> {
  /** Milliseconds; without it the call may take for ever. */
  timeout?: number
}

export interface LoginApi {
  /**
   * Has no promise style, unlike what the official typings say: the page's own table reads "not supported".
   *
   * @see https://developers.weixin.qq.com/miniprogram/dev/api/open-api/login/wx.login.html
   */
  login(options?: LoginOptions): void
  checkSession(options?: Callbacks<{ fromCache?: boolean }>): Promise<{ errMsg: string }> | undefined
}

/** @param answersFromCache whether the app has a cache manager and the network is weak */
export function createLoginApi(context: DeviceContext, answersFromCache: () => boolean): LoginApi {
  const { clock, ledger, thread } = context
  /** The last code this phone was given; it outlives a restart of the app, as WeChat's cache does. */
  let lastCode: string | null = null

  async function login(): Promise<LoginResult> {
    const result = await getCode(context, lastCode, answersFromCache())
    lastCode = result.code
    return result
  }

  return {
    login(options = {}) {
      const { timeout } = options
      const attempt = () => (timeout === undefined ? login() : withTimeout(clock, timeout, login()))
      const detail = ({ code, fromCache }: LoginResult) => ({
        code: ledger.alias('code', code),
        ...(fromCache && { fromCache }),
      })
      callApi(thread, 'login', options, recorded(context, 'wx.login', attempt, detail))
    },

    checkSession(options = {}) {
      const check = recorded(
        context,
        'wx.checkSession',
        () => checkSessionKey(context, answersFromCache()),
        (result) => result,
      )
      return callEitherStyle(thread, 'checkSession', options, check)
    },
  }
}

async function getCode(context: DeviceContext, lastCode: string | null, isCached: boolean): Promise<LoginResult> {
  const { link, ledger, user, appid } = context
  if (isCached && lastCode !== null) return { code: lastCode, fromCache: true }
  assertLoginCanAnswer(context, 'wx.login')
  return withFault(context, 'wx.login', async (fault) => {
    if (fault?.fromCache) return { code: lastCode ?? UNKNOWN_CODE, fromCache: true }
    if (fault?.repeatCode && lastCode !== null) return { code: lastCode }
    const { code, alias } = await overNetwork(context, () => link.login(user, appid))
    ledger.alias('code', code, alias)
    return { code }
  })
}

/** Looks like a code, and is as good as one that has expired. */
const UNKNOWN_CODE = '0emulator-code-from-the-cache-00'

async function checkSessionKey(context: DeviceContext, isCached: boolean): Promise<{ fromCache?: boolean }> {
  const { link, user, appid } = context
  if (isCached) return { fromCache: true }
  assertLoginCanAnswer(context, 'wx.checkSession')
  return withFault(context, 'wx.checkSession', async (fault) => {
    if (fault?.fromCache) return { fromCache: true }
    const valid = await overNetwork(context, () => link.checkSession(user, appid))
    if (!valid) throw new WxFailure(SESSION_KEY_EXPIRED)
    return {}
  })
}

function assertLoginCanAnswer({ scene, network, faults }: DeviceContext, point: 'wx.login' | 'wx.checkSession'): void {
  if (scene() === SINGLE_PAGE_SCENE) throw new WxFailure('can not be called in single page mode')
  // The phone's cache answers offline as well.
  if (!faults.active()[point]?.fromCache) network.assertOnline()
}

/** As phones word it; the developer tools say "系统错误，错误码：-13001,session time out". */
const SESSION_KEY_EXPIRED = 'session time out, need relogin'

function withTimeout<Result>(clock: DeviceContext['clock'], ms: number, call: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new WxFailure('timeout', NETWORK_ERRNO.timeout)), ms)
    call.finally(() => clock.clearTimeout(timer)).then(resolve, reject)
  })
}

import { WechatError } from '../wechat-error.ts'
import { type Callbacks, callApi, callEitherStyle, WxFailure } from './api-call.ts'
import { type DeviceContext, SINGLE_PAGE_SCENE } from './context.ts'
import { withFault } from './device-fault.ts'
import { cronetFailure, NETWORK_ERRNO } from './network.ts'

export interface LoginOptions extends Callbacks<{ code: string }> {
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
  checkSession(options?: Callbacks): Promise<{ errMsg: string }> | undefined
}

export function createLoginApi(context: DeviceContext): LoginApi {
  const { clock, ledger, thread } = context

  return {
    login(options = {}) {
      const { timeout } = options
      const attempt = () => (timeout === undefined ? getCode(context) : withTimeout(clock, timeout, getCode(context)))
      const detail = ({ code }: { code: string }) => ({ code: ledger.alias('code', code) })
      callApi(thread, 'login', options, recorded(context, 'wx.login', attempt, detail))
    },

    checkSession(options = {}) {
      const check = recorded(
        context,
        'wx.checkSession',
        () => checkSessionKey(context),
        () => ({}),
      )
      return callEitherStyle(thread, 'checkSession', options, check)
    },
  }
}

async function getCode(context: DeviceContext): Promise<{ code: string }> {
  const { link, ledger, user, appid } = context
  assertLoginExists(context)
  return withFault(context, 'wx.login', async () => {
    const { code, alias } = await overNetwork(context, () => link.login(user, appid))
    ledger.alias('code', code, alias)
    return { code }
  })
}

async function checkSessionKey(context: DeviceContext): Promise<object> {
  const { link, user, appid } = context
  assertLoginExists(context)
  return withFault(context, 'wx.checkSession', async () => {
    const valid = await overNetwork(context, () => link.checkSession(user, appid))
    if (!valid) throw new WxFailure(SESSION_KEY_EXPIRED)
    return {}
  })
}

function assertLoginExists({ scene, network }: DeviceContext): void {
  if (scene() === SINGLE_PAGE_SCENE) throw new WxFailure('can not be called in single page mode')
  network.assertOnline()
}

/** As phones word it; the developer tools say "系统错误，错误码：-13001,session time out". */
const SESSION_KEY_EXPIRED = 'session time out, need relogin'

/** What the connection does to a call of WeChat's own: its refusals carry an errcode, anything else is the network. */
export async function overNetwork<Result>({ network }: DeviceContext, call: () => Promise<Result>): Promise<Result> {
  let stopListening: (() => void) | undefined
  const lost = new Promise<never>((_resolve, reject) => {
    stopListening = network.onLost(() => reject(cronetFailure(-21, 'ERR_NETWORK_CHANGED')))
  })
  try {
    return await Promise.race([call(), lost])
  } catch (error) {
    if (error instanceof WechatError) throw new WxFailure(`系统错误，错误码：${error.errcode},${error.message}`)
    if (error instanceof WxFailure) throw error
    throw cronetFailure(-2, 'ERR_FAILED')
  } finally {
    stopListening?.()
  }
}

function withTimeout<Result>(clock: DeviceContext['clock'], ms: number, call: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new WxFailure('timeout', NETWORK_ERRNO.timeout)), ms)
    call.finally(() => clock.clearTimeout(timer)).then(resolve, reject)
  })
}

/** Runs `call` and records how it ended. */
function recorded<Result>(
  { record }: DeviceContext,
  event: string,
  call: () => Promise<Result>,
  detail: (result: Result) => Record<string, string>,
): () => Promise<Result> {
  return async () => {
    try {
      const result = await call()
      record(event, detail(result))
      return result
    } catch (error) {
      record(event, { errMsg: error instanceof Error ? error.message : String(error) })
      throw error
    }
  }
}

// The only file that calls `wx`: its callbacks become promises here.
import type { Device } from '@weapp-auth/shared'
import type { KeyValueStorage } from './contract.ts'
import { AuthError, messageOf, toAuthError } from './errors.ts'
import { call as tell } from './events.ts'
import type {
  AppBaseInfo,
  CallbackCalls,
  Callbacks,
  DeviceInfo,
  NetworkCall,
  NetworkCalls,
  SocketTask,
  Wx,
  WxRequestOptions,
  WxSocketOptions,
} from './wx-api.ts'

/** WeChat as the rest of the package sees it. */
export interface WeChat {
  /** Resolves with the code of `wx.login`. */
  login(): Promise<string>
  /** Whether WeChat still knows its session_key. Says nothing about our token. */
  isSessionKeyAlive(): Promise<boolean>
  /**
   * Calls `wx.request`, `wx.uploadFile` or `wx.downloadFile`. Rejects with an AuthError when no answer came.
   *
   * @param onTask gets the task of `wx`
   * @param isSecret whether a token or a code is sent: then `wx.request` follows a redirect only if the options say so
   */
  send<Name extends NetworkCall>(
    name: Name,
    options: NetworkCalls[Name]['options'],
    onTask: (task: unknown) => void,
    isSecret: boolean,
  ): Promise<NetworkCalls[Name]['result']>
  connectSocket(options: WxSocketOptions & Callbacks<{ errMsg: string }>): SocketTask
  /** Empty where `wx` does not tell it. */
  account(): { appId?: string; envVersion?: string }
  /** Empty where `wx` does not tell it. */
  device(): Device
  /** Whether WeChat shows a single page of the mini-program, opened from Moments. Nobody can sign in there. */
  isSinglePage(): boolean
  storage: KeyValueStorage
}

/** Opened from a link in Moments. https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/share-timeline.html */
const SINGLE_PAGE_SCENE = 1154

declare const wx: Wx

type SyncCall = 'getAccountInfoSync' | 'getLaunchOptionsSync' | 'getSystemInfoSync' | 'getDeviceInfo' | 'getAppBaseInfo'

/**
 * @param given in place of the global `wx`, which is looked up at each call because it may appear after this module
 * @param encrypt whether WeChat encrypts what it stores for us
 * @param logger is told of a redirect that was not followed
 */
export function createWeChat(given?: Wx, encrypt = false, logger?: (message: string) => void): WeChat {
  function api(): Wx {
    if (given) return given
    if (typeof wx === 'undefined') throw new AuthError('unavailable', 'login:fail there is no wx yet')
    return wx
  }

  /** Callbacks always, never the promise style: it came with 2.10.2, and `wx.login` is documented without it. */
  function call<Name extends keyof CallbackCalls>(
    name: Name,
    options: CallbackCalls[Name]['options'],
    onTask?: (task: unknown) => void,
  ): Promise<CallbackCalls[Name]['result']> {
    return new Promise((success, fail) => {
      // TypeScript cannot relate a method's name to its options inside a union of methods; the signature above does.
      const methods = api() as Record<Name, (options: object) => unknown>
      const task = methods[name](Object.assign({}, options, { success, fail }))
      if (onTask) onTask(task)
    })
  }

  /** What a synchronous call of `wx` returns. `{}` when this `wx` does not have the call, or when it throws. */
  function read<Result extends object>(name: SyncCall): Partial<Result> {
    const methods = api() as Partial<Record<SyncCall, () => unknown>>
    try {
      const method = methods[name]
      return Object(method?.call(methods)) as Partial<Result>
    } catch {
      return {}
    }
  }

  let hasToldRedirect = false

  /** Says once how to follow a redirect, because `wx` follows redirects by default. */
  function tellRedirect(statusCode: number): void {
    if (hasToldRedirect || !(statusCode >= 300 && statusCode < 400)) return
    hasToldRedirect = true
    tell(logger, `request got a redirect (${statusCode}); the option redirect: 'follow' follows it, with the token`)
  }

  /** The code of the last `wx.login`. Null: there was none. */
  let lastCode: string | null = null

  return {
    async login() {
      const { code, fromCache } = await call('login', {})
      if (!code) throw { errMsg: 'login:fail wx.login gave no code' }
      // A code works once and for five minutes, so a kept one would be refused.
      if (fromCache || code === lastCode) throw { errMsg: 'login:fail wx.login gave a code from a cache' }
      lastCode = code
      return code
    },

    async isSessionKeyAlive() {
      // Not every platform has it, and a missing function says nothing about the key.
      if (typeof api().checkSession !== 'function') return true
      return call('checkSession', {}).then(
        () => true,
        // A check that fails offline says nothing about the key.
        (failure) => UNREACHABLE.test(messageOf(failure)),
      )
    },

    async send(name, options, onTask, isSecret) {
      // A redirect must not carry the token to another host, unless the caller says that it may. Only requests know the option.
      const { redirect = 'manual' } = options as WxRequestOptions
      const isManual = name === 'request' && isSecret && redirect === 'manual'
      try {
        const result = await call(name, isManual ? Object.assign({}, options, { redirect }) : options, onTask)
        if (isManual) tellRedirect(result.statusCode)
        return result
      } catch (failure) {
        throw toAuthError(failure, 'network', options)
      }
    },

    connectSocket: (options) => api().connectSocket(options),

    account: () =>
      Object(read<ReturnType<Wx['getAccountInfoSync']>>('getAccountInfoSync').miniProgram) as {
        appId?: string
        envVersion?: string
      },

    device() {
      const newer = Object.assign({}, read<DeviceInfo>('getDeviceInfo'), read<AppBaseInfo>('getAppBaseInfo'))
      // No longer maintained, slow, and not there on every platform: only older versions are asked this way.
      const isComplete = newer.platform && newer.SDKVersion
      const info = isComplete ? newer : Object.assign({}, read<DeviceInfo & AppBaseInfo>('getSystemInfoSync'), newer)
      const { platform, model, system, version: wechatVersion, SDKVersion: sdkVersion } = info
      return { platform, model, system, wechatVersion, sdkVersion }
    },

    isSinglePage: () => read<{ scene: number }>('getLaunchOptionsSync').scene === SINGLE_PAGE_SCENE,

    storage: {
      get: (key) => call('getStorage', { key, encrypt }).then(({ data }) => data),
      set: (key, data) => call('setStorage', { key, data, encrypt }),
      remove: (key) => call('removeStorage', { key }),
    },
  }
}

// A dead key fails with "session time out, need relogin", so only this wording means that the check itself timed out.
const UNREACHABLE = /ERR_|network|offline|interrupt|fail:? ?timeout/i

import type { Answers } from './answers.ts'
import { type Callbacks, callEitherStyle, failureOf, WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { TYPED_NAMES } from './typed-names.ts'

/** What the ledger calls a call of something that the emulator does not play. */
const EVENT = 'wx.notPlayed'

export type NotPlayedContext = Pick<DeviceContext, 'record' | 'thread'>

export interface NotPlayedDeps {
  context: NotPlayedContext
  answers: Answers
  /** @throws WxFailure when the user does not let the app do this */
  check: (api: string) => Promise<void>
}

/**
 * Calls that only change how the phone looks or feels. They succeed, and the ledger tells that nothing was drawn.
 */
export const UNSEEN: ReadonlySet<string> = new Set(
  (
    'setNavigationBarColor setBackgroundColor setBackgroundTextStyle setTopBarText setKeepScreenOn setScreenBrightness ' +
    'setTabBarItem setTabBarStyle hideHomeButton hideKeyboard vibrateShort vibrateLong showShareMenu hideShareMenu updateShareMenu ' +
    'loadFontFace setInnerAudioOption setEnableDebug enableAlertBeforeUnload disableAlertBeforeUnload ' +
    'setBackgroundFetchToken'
  ).split(' '),
)

/** Answers at once that are not objects. */
export const PLAIN: Readonly<Record<string, unknown>> = {
  reportEvent: undefined,
  reportAnalytics: undefined,
  reportMonitor: undefined,
}

/**
 * Every function of the official typings that no other part of the device plays. A program goes on: what takes callbacks
 * fails, what takes a listener never calls it, what answers with an object answers with one whose methods do the same.
 * The ledger names each call.
 */
export function createNotPlayed({ context, answers, check }: NotPlayedDeps): Record<string, unknown> {
  const { record, thread } = context

  const tell = (api: string) => record(EVENT, { api })

  function withCallbacks(api: string, options: unknown): Promise<{ errMsg: string }> | undefined {
    if (answers.has(api)) {
      record('wx.answered', { api })
      return callEitherStyle(thread, api, asCallbacks(options), async () => {
        await check(api)
        return answers.give(api, asCallbacks(options))
      })
    }
    tell(api)
    return callEitherStyle(thread, api, asCallbacks(options), () => {
      if (UNSEEN.has(api)) return {}
      throw notPlayed()
    })
  }

  /** An object of which nothing is known but its name: every method of it is there, and is told in the ledger. */
  function unknownObject(name: string): object {
    const own: Record<string, unknown> = {}
    return new Proxy(own, {
      get(target, key) {
        if (typeof key !== 'string' || key in target) return Reflect.get(target, key)
        // A promise has it, and this is none.
        if (key === 'then' || key === 'toJSON') return undefined
        return (options: unknown) => {
          tell(`${name}.${key}`)
          if (hasCallbacks(options)) return withCallbacks(`${name}.${key}`, options)
          return /^(on|off)[A-Z]/.test(key) ? undefined : unknownObject(`${name}.${key}`)
        }
      },
    })
  }

  const api: Record<string, unknown> = {}
  for (const name of TYPED_NAMES.callbacks) api[name] = (options: unknown) => withCallbacks(name, options)
  for (const name of TYPED_NAMES.listener) api[name] = () => tell(name)
  for (const name of TYPED_NAMES.sync) {
    api[name] = () => {
      tell(name)
      return {}
    }
  }
  for (const name of TYPED_NAMES.object) {
    api[name] = () => {
      tell(name)
      return unknownObject(name)
    }
  }
  for (const [name, value] of Object.entries(PLAIN)) {
    api[name] = () => {
      tell(name)
      return value
    }
  }
  api.cloud = createCloud(context)
  // Of Skyline, WeChat's other renderer.
  api.worklet = unknownObject('worklet')
  return api
}

const NOT_PLAYED = 'not played by the emulator'
/**
 * "jsapi not supported", which is what such a call is on this phone.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/usability/PublicErrno.html
 */
const NOT_SUPPORTED = 100

function notPlayed(): WxFailure {
  return new WxFailure(NOT_PLAYED, NOT_SUPPORTED)
}

/**
 * `wx.cloud` as it is for a mini-program without a cloud environment: `init` works, every call of it fails. A chain such
 * as `wx.cloud.database().collection('a').where({}).get()` can be written, and is rejected when it is awaited.
 *
 * @param OwnPromise of the world the app runs in, so that a rejection nobody handles is the app's
 */
export function createCloud({ record, thread }: NotPlayedContext, OwnPromise: PromiseConstructor = Promise): object {
  function chain(name: string): object {
    const call = (options: unknown) => {
      record(EVENT, { api: name })
      if (!hasCallbacks(options)) return chain(name)
      return callEitherStyle(thread, name, asCallbacks(options), () => {
        throw notPlayed()
      })
    }
    return new Proxy(call, {
      get(_target, key) {
        if (typeof key !== 'string') return undefined
        if (key !== 'then' && key !== 'catch' && key !== 'finally') return chain(`${name}.${key}`)
        // Rejected when it is called: to look whether there is a `then` is no use of it.
        return (...handlers: unknown[]) => {
          const rejected = OwnPromise.reject({ ...failureOf(name, notPlayed()), errCode: -1 })
          return Reflect.apply(rejected[key], rejected, handlers)
        }
      },
      construct: () => chain(name),
    })
  }

  return new Proxy(
    {},
    {
      get(_target, key) {
        if (typeof key !== 'string' || key === 'then' || key === 'toJSON') return undefined
        return key === 'init' ? () => record(EVENT, { api: 'cloud.init' }) : chain(`cloud.${key}`)
      },
    },
  )
}

function asCallbacks(options: unknown): Callbacks {
  return typeof options === 'object' && options !== null ? options : {}
}

function hasCallbacks(options: unknown): boolean {
  const { success, fail, complete } = asCallbacks(options)
  return [success, fail, complete].some((callback) => typeof callback === 'function')
}

import { type Callbacks, callEitherStyle, WxFailure } from './api-call.ts'
import type { UserChoices } from './choices.ts'
import type { DeviceContext } from './context.ts'
import { createListeners } from './listeners.ts'

/** The privacy agreement of the mini-program. */
export interface Privacy {
  /** Whether the user has yet to agree. Default false. Setting it to true takes the agreement back. */
  needed: boolean
}

/** What the app's own privacy dialog answers with. */
type Resolve = (answer: { event: 'agree' | 'disagree' | 'exposureAuthorization'; buttonId?: string }) => void

const ERRNO = { denied: 103, privacy: 101102 } as const

/** The scope that a call asks for by itself. */
const SCOPES: Record<string, string> = {
  getLocation: 'scope.userLocation',
  getFuzzyLocation: 'scope.userFuzzyLocation',
  startLocationUpdate: 'scope.userLocation',
  saveImageToPhotosAlbum: 'scope.writePhotosAlbum',
  saveVideoToPhotosAlbum: 'scope.writePhotosAlbum',
  getWeRunData: 'scope.werun',
  startRecord: 'scope.record',
}

/** Calls that need the privacy agreement first: 小程序用户隐私保护指引内容介绍. */
const PRIVATE = new Set(
  (
    'getPhoneNumber chooseAvatar chooseMedia chooseImage chooseVideo chooseMessageFile chooseAddress chooseLocation ' +
    'choosePoi getLocation getFuzzyLocation startLocationUpdate getWeRunData chooseContact addPhoneContact ' +
    'getClipboardData saveImageToPhotosAlbum saveVideoToPhotosAlbum chooseInvoiceTitle startRecord openBluetoothAdapter'
  ).split(' '),
)

/**
 * Permissions and the privacy agreement. The user answers with `choices.allow` where WeChat itself asks; an app that
 * listens to `wx.onNeedPrivacyAuthorization` asks and answers by itself.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/user-privacy/PrivacyAuthorize.html
 */
export function createPermissions({ thread, record }: DeviceContext, choices: UserChoices) {
  const privacy: Privacy = { needed: false }
  const scopes = new Map<string, boolean>()
  const asked = createListeners<{ resolve: Resolve; info: { referrer: string } }>(thread)
  const wrapped = new Map<unknown, (event: { resolve: Resolve; info: { referrer: string } }) => void>()
  let isListening = false

  function allow(scope: string): boolean {
    const known = scopes.get(scope)
    if (known !== undefined) return known
    scopes.set(scope, choices.allow)
    record('ui.permission', { scope, allowed: choices.allow })
    return choices.allow
  }

  /** @throws WxFailure when the user does not agree */
  async function agree(referrer: string): Promise<void> {
    if (!privacy.needed) return
    const agreed = isListening
      ? await new Promise<boolean>((done) => {
          const resolve: Resolve = ({ event }) => event !== 'exposureAuthorization' && done(event === 'agree')
          thread.post(() => asked.emit({ resolve, info: { referrer } }))
        })
      : choices.allow
    record('ui.privacy', { api: referrer, agreed })
    if (!agreed) throw new WxFailure('privacy permission is not authorized', ERRNO.privacy)
    privacy.needed = false
  }

  /** @throws WxFailure when the user does not let the app do this */
  async function check(api: string): Promise<void> {
    if (PRIVATE.has(api)) await agree(api)
    const scope = SCOPES[api]
    if (scope && !allow(scope)) throw new WxFailure('auth deny', ERRNO.denied)
  }

  const settings = () => ({ authSetting: Object.fromEntries(scopes) })

  const api = {
    getSetting: (options: Callbacks<ReturnType<typeof settings>> = {}) =>
      callEitherStyle(thread, 'getSetting', options, settings),
    /** The user's own switches: all that were ever asked about become what the user now wants. */
    openSetting: (options: Callbacks<ReturnType<typeof settings>> = {}) =>
      callEitherStyle(thread, 'openSetting', options, () => {
        for (const scope of scopes.keys()) scopes.set(scope, choices.allow)
        return settings()
      }),
    authorize: (options: Callbacks & { scope?: string } = {}) =>
      callEitherStyle(thread, 'authorize', options, () => {
        const scope = String(options.scope)
        if (!scope.startsWith('scope.')) throw new WxFailure('parameter error: scope must be a scope')
        if (!allow(scope)) throw new WxFailure('auth deny', ERRNO.denied)
        return {}
      }),
    getPrivacySetting: (options: Callbacks<{ needAuthorization: boolean; privacyContractName: string }> = {}) =>
      callEitherStyle(thread, 'getPrivacySetting', options, () => ({
        needAuthorization: privacy.needed,
        privacyContractName: '《小程序隐私保护指引》',
      })),
    requirePrivacyAuthorize: (options: Callbacks = {}) =>
      callEitherStyle(thread, 'requirePrivacyAuthorize', options, async () => {
        await agree('requirePrivacyAuthorize')
        return {}
      }),
    openPrivacyContract: (options: Callbacks = {}) =>
      callEitherStyle(thread, 'openPrivacyContract', options, () => {
        record('ui.privacyContract')
        return {}
      }),
    onNeedPrivacyAuthorization(listener: (resolve: Resolve, info: { referrer: string }) => void): void {
      if (typeof listener !== 'function') return
      // Only the last listener counts: same page.
      for (const former of wrapped.values()) asked.off(former)
      wrapped.clear()
      const wrapper = ({ resolve, info }: { resolve: Resolve; info: { referrer: string } }) => listener(resolve, info)
      wrapped.set(listener, wrapper)
      asked.on(wrapper)
      isListening = true
    },
  }

  return { api, privacy, check }
}

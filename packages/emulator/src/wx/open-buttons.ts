import { WechatError } from '../wechat-error.ts'
import { failureOf, WxFailure } from './api-call.ts'
import type { UserChoices } from './choices.ts'
import type { DeviceContext } from './context.ts'
import { withFault } from './device-fault.ts'
import type { DeviceFiles } from './files.ts'
import type { Privacy } from './permissions.ts'
import { overNetwork, recorded } from './wechat-call.ts'

/** What a handler of a button's event gets as `event.detail`. */
export type ButtonDetail = Record<string, unknown>

/** What a `<button open-type="…">` does at WeChat when it is tapped. */
export interface OpenButtons {
  /** The values of `open-type` that do something. */
  readonly openTypes: readonly string[]
  /** Gives each event of `openType` to `deliver`, later and on the app's thread. An unknown one has none. */
  press(openType: string, deliver: (event: string, detail: ButtonDetail) => void): void
}

export interface OpenButtonsDeps {
  context: DeviceContext
  choices: UserChoices
  files: DeviceFiles
  privacy: Privacy
  /** @throws WxFailure when the user does not let the app do this */
  check: (api: string) => Promise<void>
}

/** The quota of phone numbers is used up: 手机号快速验证组件. */
const QUOTA_USED_UP = 1400001

export function createOpenButtons({ context, choices, files, privacy, check }: OpenButtonsDeps): OpenButtons {
  const { link, ledger, network, thread, user, appid } = context

  /**
   * A code for the user's phone number, or why there is none. WeChat hands out `encryptedData` beside it, as it did before
   * there were codes.
   *
   * @see https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/getPhoneNumber.html
   */
  async function getPhoneNumber(): Promise<ButtonDetail> {
    const ask = () =>
      withFault(context, 'getPhoneNumber', async () => {
        await check('getPhoneNumber')
        if (!choices.allow) throw new WxFailure('user deny')
        network.assertOnline()
        const { alias, ...given } = await overNetwork(context, () => link.phoneNumber(user, appid).catch(refuse))
        ledger.alias('phoneCode', given.code, alias)
        return given
      })
    try {
      const given = await recorded(context, 'getPhoneNumber', ask, ({ code }) => ({
        code: ledger.alias('phoneCode', code),
      }))()
      return { ...given, errMsg: 'getPhoneNumber:ok' }
    } catch (error) {
      return { ...failureOf('getPhoneNumber', error) }
    }
  }

  /** Who closes the panel without a choice causes no event. */
  async function chooseAvatar(): Promise<ButtonDetail | null> {
    const isAgreed = await check('chooseAvatar').then(
      () => true,
      () => false,
    )
    if (!isAgreed) return null
    return choices.allow ? { avatarUrl: files.create(choices.picture, '.png') } : null
  }

  async function agree(): Promise<ButtonDetail> {
    privacy.needed = false
    return {}
  }

  const events: Record<string, { event: string; detail: () => Promise<ButtonDetail | null> }> = {
    chooseAvatar: { event: 'chooseavatar', detail: chooseAvatar },
    agreePrivacyAuthorization: { event: 'agreeprivacyauthorization', detail: agree },
    getPhoneNumber: { event: 'getphonenumber', detail: getPhoneNumber },
    getRealtimePhoneNumber: { event: 'getrealtimephonenumber', detail: getPhoneNumber },
  }

  return {
    openTypes: Object.keys(events),
    press(openType, deliver) {
      // `getPhoneNumber|agreePrivacyAuthorization` is both in one tap, the agreement first.
      for (const part of openType.split('|').sort()) {
        const button = events[part]
        if (!button) continue
        const comeBack = thread.open()
        void button.detail().then((detail) => comeBack(() => detail && deliver(button.event, detail)))
      }
    },
  }
}

/** @throws WxFailure with an errno where WeChat gives one */
function refuse(error: unknown): never {
  if (error instanceof WechatError && error.errcode === QUOTA_USED_UP) throw new WxFailure(error.message, QUOTA_USED_UP)
  throw error
}

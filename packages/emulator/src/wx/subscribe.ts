import { type Callbacks, callEitherStyle, WxFailure } from './api-call.ts'
import type { UserChoices } from './choices.ts'
import type { DeviceContext } from './context.ts'
import { overNetwork } from './wechat-call.ts'

/** `accept` or `reject` by template id, beside `errMsg`. */
type Answers = Record<string, string>

/** @see https://developers.weixin.qq.com/miniprogram/dev/api/open-api/subscribe-message/wx.requestSubscribeMessage.html */
const MOST_TEMPLATES = 3
const ERR_CODE = { empty: 10001, tooMany: 20003 } as const

/** Asks the user for messages of up to three templates. That a tap must have led here is not checked. */
export function createSubscribeApi(context: DeviceContext, choices: UserChoices) {
  const { link, network, record, thread, user, appid } = context

  async function ask(tmplIds: unknown): Promise<Answers> {
    if (!Array.isArray(tmplIds) || tmplIds.length === 0) {
      throw new WxFailure("TmplIds can't be empty", undefined, ERR_CODE.empty)
    }
    if (tmplIds.length > MOST_TEMPLATES) {
      throw new WxFailure('Templates count out of max bounds', undefined, ERR_CODE.tooMany)
    }
    network.assertOnline()
    const templates = tmplIds.map(String)
    const accepted = choices.allow
    await overNetwork(context, () => link.subscribe(user, appid, templates, accepted))
    record('wx.requestSubscribeMessage', { templates: templates.length, accepted })
    return Object.fromEntries(templates.map((id) => [id, accepted ? 'accept' : 'reject']))
  }

  return {
    requestSubscribeMessage: (options: Callbacks<Answers> & { tmplIds?: unknown } = {}) =>
      callEitherStyle(thread, 'requestSubscribeMessage', options, () => ask(options.tmplIds)),
  }
}

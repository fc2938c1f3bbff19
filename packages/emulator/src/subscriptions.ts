import type { Ledger } from './ledger.ts'
import { WechatError } from './wechat-error.ts'

/** What a caller of `subscribeMessage.send` sends. */
export interface SubscribeMessageParams {
  access_token?: string | undefined
  touser?: unknown
  template_id?: unknown
  page?: unknown
  data?: unknown
}

/** A message as it lies in the user's 服务通知. */
export interface ReceivedMessage {
  appid: string
  templateId: string
  page: string
  /** The values by key, such as `thing1`. */
  data: Record<string, string>
}

/** One-time subscriptions: each time a user accepts a template, one message of it may be sent. */
export interface Subscriptions {
  /** What the user answered to `wx.requestSubscribeMessage`. @throws WechatError 40013 */
  answer(user: string, appid: string, templateIds: readonly string[], accepted: boolean): void
  /** How many messages of the template may still be sent to the user. */
  left(user: string, appid: string, templateId: string): number
  /**
   * @throws WechatError 40001, 40003, 40037, 41001, 42001, 43101, 47003
   * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/message-management/subscribe-message/api_sendmessage
   */
  send(params: SubscribeMessageParams): { msgid: number }
  /** What a user has received, the newest last. */
  received(user: string): readonly ReceivedMessage[]
}

export interface SubscriptionsDeps {
  ledger: Ledger
  checkToken: (token: string | undefined) => string
  openidOf: (user: string, appid: string) => string
  /** Who it is, or null for an openid that WeChat does not know in this mini-program. */
  userOf: (openid: string, appid: string) => string | null
}

/**
 * The longest value by the kind of its key, as the page lists them; of other kinds only that there is one is checked.
 */
const LONGEST: Record<string, number> = { thing: 20, character_string: 32, letter: 32, number: 32, name: 10, phrase: 5 }

export function createSubscriptions({ ledger, checkToken, openidOf, userOf }: SubscriptionsDeps): Subscriptions {
  const left = new Map<string, number>()
  const received = new Map<string, ReceivedMessage[]>()
  let sent = 0

  const keyOf = (openid: string, templateId: string) => `${openid} ${templateId}`

  return {
    answer(user, appid, templateIds, accepted) {
      for (const templateId of templateIds) {
        const key = keyOf(openidOf(user, appid), templateId)
        if (accepted) left.set(key, (left.get(key) ?? 0) + 1)
        ledger.add({ side: 'wechat', event: 'subscribe.answered', appid, user, template: templateId, accepted })
      }
    },
    left: (user, appid, templateId) => left.get(keyOf(openidOf(user, appid), templateId)) ?? 0,
    send({ access_token, touser, template_id, page, data }) {
      const appid = checkToken(access_token)
      const user = typeof touser === 'string' ? userOf(touser, appid) : null
      if (user === null) throw new WechatError(40003)
      if (typeof template_id !== 'string' || template_id === '') throw new WechatError(40037)
      const values = valuesOf(data)
      const key = keyOf(String(touser), template_id)
      const may = left.get(key) ?? 0
      if (may === 0) throw new WechatError(43101)
      left.set(key, may - 1)
      const message = { appid, templateId: template_id, page: typeof page === 'string' ? page : '', data: values }
      received.set(user, [...(received.get(user) ?? []), message])
      return { msgid: ++sent }
    },
    received: (user) => received.get(user) ?? [],
  }
}

/** @throws WechatError 47003 that names the key */
function valuesOf(data: unknown): Record<string, string> {
  if (typeof data !== 'object' || data === null) throw new WechatError(47003, 'argument invalid! data is empty')
  const values: Record<string, string> = {}
  for (const [key, entry] of Object.entries(data)) {
    const value: unknown = (entry as { value?: unknown } | null)?.value
    const longest = LONGEST[key.replace(/\d+$/, '')] ?? Number.POSITIVE_INFINITY
    const text = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
    if (text === '') throw new WechatError(47003, `argument invalid! data.${key}.value is empty`)
    if ([...text].length > longest) throw new WechatError(47003, `argument invalid! data.${key}.value invalid`)
    values[key] = text
  }
  return values
}

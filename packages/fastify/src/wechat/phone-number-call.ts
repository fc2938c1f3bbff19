import { isPhoneNumber, type PhoneNumber } from '../phone-number.ts'
import type { AccessTokens } from './access-token.ts'
import { badResponse, callWechat, toErrcodeError, WECHAT_DEADLINE_MS } from './api-call.ts'
import { PHONE_ERRCODES } from './errcodes.ts'
import { withAccessToken } from './with-access-token.ts'

/** What a phone code is exchanged with. */
export interface PhoneCode {
  appid: string
  /** From a `getPhoneNumber` button, not from `wx.login`. */
  code: string
  /** Whose code it must be; null: a user without a WeChat identity in this mini-program, so that WeChat cannot compare. */
  openid: string | null
}

/**
 * Asks for the number behind a phone code, which is spent by that. It has 5 s of its own, the access_token included.
 *
 * @throws ApiError `phone_code_invalid`, `appid_unknown`, `wechat_*`, `store_unavailable` or `internal` (an unknown errcode)
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/phone-number/api_getphonenumber
 */
export async function exchangePhoneCode(
  o: { accessTokens: AccessTokens; baseUrl: string },
  { appid, code, openid }: PhoneCode,
): Promise<PhoneNumber> {
  const giveUpAtMs = performance.now() + WECHAT_DEADLINE_MS
  const answer = await withAccessToken(o.accessTokens, { appid, giveUpAtMs }, (access_token) =>
    callWechat({
      baseUrl: o.baseUrl,
      path: 'wxa/business/getuserphonenumber',
      query: { access_token },
      body: { code, openid: openid ?? undefined },
      giveUpAtMs,
    }),
  )
  if (answer.errcode !== 0) throw toErrcodeError(answer, PHONE_ERRCODES)
  const { purePhoneNumber: number, countryCode } = Object(answer.body.phone_info) as Record<string, unknown>
  const phone = { number: String(number), countryCode: String(countryCode) }
  if (!isPhoneNumber(phone)) throw badResponse('success without a phone number')
  return phone
}

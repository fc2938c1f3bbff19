import { hash, randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'
import type { Ledger } from './ledger.ts'
import { WechatError } from './wechat-error.ts'

/** A phone number in the three forms in which WeChat tells it. */
export interface PhoneNumber {
  /** With the country code in front of it where that is not China's. */
  phoneNumber: string
  purePhoneNumber: string
  countryCode: string
}

/** What a caller of `getuserphonenumber` sends. */
export interface PhoneNumberParams {
  access_token?: string | undefined
  code?: unknown
  /** Whose code it must be. */
  openid?: unknown
}

/** WeChat's answer to a phone code. */
export interface PhoneInfo extends PhoneNumber {
  watermark: { timestamp: number; appid: string }
}

/** The phone numbers of WeChat's users, and the codes that a tap on a `getPhoneNumber` button gives. */
export interface PhoneNumbers {
  /** A user's number; one made from the name, of a range that no operator has, unless it was set. */
  get(user: string): PhoneNumber
  /** @param phone `number` without the country code, which is 86 by default */
  set(user: string, phone: { number: string; countryCode?: string }): void
  /**
   * How many more codes phones may get for the mini-program; null is no limit, the default. WeChat counts when the phone
   * gets a code, so the codes that used the quota up can be exchanged. When 0 is set, codes given before are refused too.
   */
  setQuota(appid: string, left: number | null): void
  /** What a tap on a `getPhoneNumber` button gives. @throws WechatError 40013, 1400001 */
  issueCode(user: string, appid: string): { code: string }
  /**
   * Exchanges a phone code, once. WeChat does not document the errcode for the openid of somebody else; it is 40003 here,
   * and the code can still be used.
   *
   * @throws WechatError 40001, 40003, 40013, 40029, 41001, 42001, 1400001
   * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/phone-number/api_getphonenumber
   */
  exchange(params: PhoneNumberParams): PhoneInfo
}

export interface PhoneNumbersDeps {
  clock: Clock
  ledger: Ledger
  /** The appid whose access_token it is. @throws WechatError 40001, 41001, 42001 */
  checkToken: (token: string | undefined) => string
  /** @throws WechatError 40013 */
  openidOf: (user: string, appid: string) => string
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/getPhoneNumber.html */
const CODE_TTL_MS = 5 * 60_000

interface PhoneCode {
  user: string
  appid: string
  issuedAtMs: number
}

export function createPhoneNumbers({ clock, ledger, checkToken, openidOf }: PhoneNumbersDeps): PhoneNumbers {
  const codes = new Map<string, PhoneCode>()
  const numbers = new Map<string, PhoneNumber>()
  const quotas = new Map<string, number>()
  /** Mini-programs whose codes are refused at the exchange as well. */
  const closed = new Set<string>()

  function forgetOldCodes(): void {
    for (const [value, { issuedAtMs }] of codes) {
      if (clock.now() - issuedAtMs < CODE_TTL_MS) return
      codes.delete(value)
    }
  }

  const get = (user: string) => numbers.get(user) ?? phoneNumber(numberFor(user), '86')

  return {
    get,
    set(user, { number, countryCode = '86' }) {
      if (typeof number !== 'string' || !/^\d{4,15}$/.test(number))
        throw new TypeError('number must be 4 to 15 digits, without the country code')
      if (typeof countryCode !== 'string' || !/^\d{1,4}$/.test(countryCode))
        throw new TypeError('countryCode must be 1 to 4 digits, such as 86')
      numbers.set(user, phoneNumber(number, countryCode))
      ledger.add({ side: 'control', event: 'phone.set', user })
    },
    setQuota(appid, left) {
      if (left !== null && !(Number.isInteger(left) && left >= 0)) {
        throw new TypeError('left must be a number of codes from 0 on, or null for no limit')
      }
      openidOf('', appid)
      if (left === null) quotas.delete(appid)
      else quotas.set(appid, left)
      if (left === 0) closed.add(appid)
      else closed.delete(appid)
      ledger.add({ side: 'control', event: 'phone.quota', appid, left })
    },
    issueCode(user, appid) {
      openidOf(user, appid)
      forgetOldCodes()
      const left = quotas.get(appid)
      if (left === 0) throw new WechatError(1400001)
      if (left !== undefined) quotas.set(appid, left - 1)
      const code = randomBytes(32).toString('hex')
      codes.set(code, { user, appid, issuedAtMs: clock.now() })
      ledger.add({ side: 'wechat', event: 'phoneCode.issued', appid, user, code: ledger.alias('phoneCode', code) })
      return { code }
    },
    exchange({ access_token, code: value, openid }) {
      const appid = checkToken(access_token)
      const code = typeof value === 'string' ? codes.get(value) : undefined
      if (!code || clock.now() - code.issuedAtMs >= CODE_TTL_MS) throw new WechatError(40029)
      if (code.appid !== appid) throw new WechatError(40013)
      if (closed.has(appid)) throw new WechatError(1400001)
      if (openid !== undefined && openid !== openidOf(code.user, appid)) throw new WechatError(40003)
      codes.delete(String(value))
      return { ...get(code.user), watermark: { timestamp: Math.floor(clock.now() / 1000), appid } }
    },
  }
}

function phoneNumber(purePhoneNumber: string, countryCode: string): PhoneNumber {
  return {
    phoneNumber: countryCode === '86' ? purePhoneNumber : `+${countryCode} ${purePhoneNumber}`,
    purePhoneNumber,
    countryCode,
  }
}

/** 11 digits that begin with 120, as the numbers of WeChat's own virtual accounts: 虚拟账号手机号 Mock 方案. */
function numberFor(user: string): string {
  const digits = Number.parseInt(hash('sha256', `phone ${user}`).slice(0, 12), 16) % 100_000_000
  return `120${String(digits).padStart(8, '0')}`
}

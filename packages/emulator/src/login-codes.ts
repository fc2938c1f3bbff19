import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'
import { WechatError } from './wechat-error.ts'

export interface LoginCodesOptions {
  clock: Clock
  /** Exchanges of one user per minute before 45011. */
  exchangesPerMinute: number
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/api/open-api/login/wx.login.html */
const CODE_TTL_MS = 5 * 60_000

interface Code {
  user: string
  appid: string
  issuedAtMs: number
  used: boolean
}

/** The codes that `wx.login` gives: each is good once, for five minutes. */
export function createLoginCodes({ clock, exchangesPerMinute }: LoginCodesOptions) {
  const codes = new Map<string, Code>()
  const exchanges = new Map<string, { minute: number; count: number }>()

  /** Codes are kept for a while after they expired, so that a late second use is still told from an unknown code. */
  function forgetOld(): void {
    for (const [value, code] of codes) {
      if (clock.now() - code.issuedAtMs < 2 * CODE_TTL_MS) return
      codes.delete(value)
    }
  }

  function countExchange(user: string): void {
    const minute = Math.floor(clock.now() / 60_000)
    const last = exchanges.get(user)
    const count = last?.minute === minute ? last.count + 1 : 1
    exchanges.set(user, { minute, count })
    if (count > exchangesPerMinute) throw new WechatError(45011)
  }

  return {
    issue(user: string, appid: string): string {
      forgetOld()
      const value = makeCode()
      codes.set(value, { user, appid, issuedAtMs: clock.now(), used: false })
      return value
    },
    /**
     * Uses the code up, and answers whose it is.
     *
     * @throws WechatError 40029, 40163, 45011
     */
    take(value: string, appid: string): string {
      const code = codes.get(value)
      if (!code || code.appid !== appid) throw new WechatError(40029)
      if (code.used) throw new WechatError(40163)
      if (clock.now() - code.issuedAtMs >= CODE_TTL_MS) throw new WechatError(40029)
      countExchange(code.user)
      code.used = true
      return code.user
    },
  }
}

/** 32 characters of base64url, the first one a digit: the look of a real code. */
function makeCode(): string {
  return `0${randomBytes(24).toString('base64url').slice(0, 31)}`
}

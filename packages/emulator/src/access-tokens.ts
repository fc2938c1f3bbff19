import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'
import { WechatError } from './wechat-error.ts'

/** What a caller of `stable_token` sends; each part that is missing has an errcode of its own. */
export interface StableTokenParams {
  grant_type?: string | undefined
  appid?: string | undefined
  secret?: string | undefined
  force_refresh?: boolean | undefined
}

/** WeChat's answer to `stable_token`. */
export interface AccessTokenResult {
  access_token: string
  /** Seconds. */
  expires_in: number
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getstableaccesstoken */
const TTL_MS = 7_200_000
/** WeChat hands out the next token this long before the end of the last one; both are valid meanwhile. */
const RENEWED_BEFORE_END_MS = 300_000

interface AccessToken {
  appid: string
  expiresAtMs: number
}

/** The access_tokens of every app. */
export function createAccessTokens({ clock }: { clock: Clock }) {
  const tokens = new Map<string, AccessToken>()
  const current = new Map<string, string>()

  function revoke(appid: string): void {
    for (const [value, token] of tokens) if (token.appid === appid) tokens.delete(value)
  }

  return {
    revoke,

    get(appid: string, { isForced }: { isForced: boolean }): AccessTokenResult {
      if (isForced) revoke(appid)
      const known = current.get(appid) ?? ''
      const leftMs = (tokens.get(known)?.expiresAtMs ?? 0) - clock.now()
      if (leftMs > RENEWED_BEFORE_END_MS) return { access_token: known, expires_in: Math.floor(leftMs / 1000) }
      const fresh = randomBytes(96).toString('base64url')
      tokens.set(fresh, { appid, expiresAtMs: clock.now() + TTL_MS })
      current.set(appid, fresh)
      return { access_token: fresh, expires_in: TTL_MS / 1000 }
    },

    /** The appid whose token it is. @throws WechatError 40001, 41001, 42001 */
    check(value: string | undefined): string {
      if (!value) throw new WechatError(41001)
      const token = tokens.get(value)
      if (!token) throw new WechatError(40001)
      if (clock.now() >= token.expiresAtMs) throw new WechatError(42001)
      return token.appid
    },
  }
}

import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'
import { WechatError } from './wechat-error.ts'

/** What a caller of `/cgi-bin/token` and `stable_token` sends; each part that is missing has an errcode of its own. */
export interface TokenParams {
  grant_type?: string | undefined
  appid?: string | undefined
  secret?: string | undefined
}

/** What a caller of `stable_token` may ask for besides. */
export interface StableTokenParams extends TokenParams {
  force_refresh?: boolean | undefined
}

/** WeChat's answer to both. */
export interface AccessTokenResult {
  access_token: string
  /** Seconds. */
  expires_in: number
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getstableaccesstoken */
const TTL_MS = 7_200_000
/** WeChat hands out the next stable token this long before the end of the last one; both are valid meanwhile. */
const RENEWED_BEFORE_END_MS = 300_000
/**
 * A new token of `/cgi-bin/token` leaves the one before it this long.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getaccesstoken
 */
const REPLACED_LIVES_ON_MS = 300_000

/** The two ways to a token are kept apart by WeChat: neither ends the other's. */
type Kind = 'plain' | 'stable'

interface AccessToken {
  appid: string
  kind: Kind
  expiresAtMs: number
}

/** The access_tokens of every app. */
export function createAccessTokens({ clock }: { clock: Clock }) {
  const tokens = new Map<string, AccessToken>()
  const current: Record<Kind, Map<string, string>> = { plain: new Map(), stable: new Map() }

  function issue(appid: string, kind: Kind): AccessTokenResult {
    const fresh = randomBytes(96).toString('base64url')
    tokens.set(fresh, { appid, kind, expiresAtMs: clock.now() + TTL_MS })
    current[kind].set(appid, fresh)
    return { access_token: fresh, expires_in: TTL_MS / 1000 }
  }

  function revoke(appid: string, kinds: readonly Kind[]): void {
    for (const [value, token] of tokens) {
      if (token.appid === appid && kinds.includes(token.kind)) tokens.delete(value)
    }
  }

  return {
    /** Ends all tokens of an app. */
    revoke: (appid: string): void => revoke(appid, ['plain', 'stable']),

    /** `stable_token`: the same token until five minutes before its end, unless a new one is asked for. */
    getStable(appid: string, { isForced }: { isForced: boolean }): AccessTokenResult {
      if (isForced) revoke(appid, ['stable'])
      const known = current.stable.get(appid) ?? ''
      const leftMs = (tokens.get(known)?.expiresAtMs ?? 0) - clock.now()
      if (leftMs > RENEWED_BEFORE_END_MS) return { access_token: known, expires_in: Math.floor(leftMs / 1000) }
      return issue(appid, 'stable')
    },

    /** `/cgi-bin/token`: a new token at each call. */
    getPlain(appid: string): AccessTokenResult {
      const replaced = tokens.get(current.plain.get(appid) ?? '')
      if (replaced) replaced.expiresAtMs = Math.min(replaced.expiresAtMs, clock.now() + REPLACED_LIVES_ON_MS)
      return issue(appid, 'plain')
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

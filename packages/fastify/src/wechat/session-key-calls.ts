import { createHmac } from 'node:crypto'
import type { AccessTokens } from './access-token.ts'
import { badResponse, callWechat, toErrcodeError, WECHAT_DEADLINE_MS, type WechatAnswer } from './api-call.ts'
import { SESSION_KEY_REFUSED } from './errcodes.ts'
import { isSessionKey } from './session-key.ts'
import { withAccessToken } from './with-access-token.ts'

/**
 * What the HMAC takes for its key: `utf8` the session_key as WeChat writes it, `base64` the 16 bytes behind it. WeChat's
 * pages do not say, and the digest of their example fits neither; other SDKs send the former. To be verified against the
 * real WeChat.
 */
export const HMAC_KEY_ENCODING: 'utf8' | 'base64' = 'utf8'

/** A user's session_key as we know it. */
export interface KnownKey {
  appid: string
  openid: string
  sessionKey: string
}

/** Calls of WeChat about the session_key of one user; each needs an access_token. */
export interface SessionKeyCalls {
  /**
   * Whether a session_key is the one that WeChat has for this user.
   *
   * @throws ApiError `appid_unknown`, `wechat_*`, `store_unavailable` or `internal` (an unknown errcode)
   * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_checksessionkey
   */
  isSessionKeyAlive(key: KnownKey): Promise<boolean>
  /**
   * Has WeChat replace a session_key; null when it was not WeChat's any more. The new one ends when the old one would have.
   *
   * @throws ApiError as above
   * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_resetusersessionkey
   */
  resetSessionKey(key: KnownKey): Promise<string | null>
}

/** Options of {@link createSessionKeyCalls}. */
export interface SessionKeyCallsOptions {
  accessTokens: AccessTokens
  baseUrl: string
  hmacKeyEncoding?: 'utf8' | 'base64'
}

/** The calls of WeChat about session_keys. */
export function createSessionKeyCalls(options: SessionKeyCallsOptions): SessionKeyCalls {
  const { accessTokens, baseUrl, hmacKeyEncoding = HMAC_KEY_ENCODING } = options

  return {
    isSessionKeyAlive: async (key) => (await prove('wxa/checksession', key)) !== null,

    async resetSessionKey(key) {
      const answer = await prove('wxa/resetusersessionkey', key)
      if (answer === null) return null
      const { session_key: fresh } = answer.body
      if (!isSessionKey(fresh)) throw badResponse('success without a session_key')
      return fresh
    },
  }

  /** Null when WeChat does not know the key. A refused access_token is refreshed once. */
  async function prove(path: string, key: KnownKey): Promise<WechatAnswer | null> {
    const giveUpAtMs = performance.now() + WECHAT_DEADLINE_MS
    const answer = await withAccessToken(accessTokens, { appid: key.appid, giveUpAtMs }, (accessToken) =>
      send(path, key, accessToken, giveUpAtMs),
    )
    if (SESSION_KEY_REFUSED.has(answer.errcode)) return null
    if (answer.errcode !== 0) throw toErrcodeError(answer)
    // Here the errcode is all there is to a success.
    if (answer.body.errcode === undefined) throw badResponse('success without an errcode')
    return answer
  }

  function send(path: string, { openid, sessionKey }: KnownKey, accessToken: string, giveUpAtMs: number) {
    const hmacKey = Buffer.from(sessionKey, hmacKeyEncoding)
    const query = {
      access_token: accessToken,
      openid,
      signature: createHmac('sha256', hmacKey).update('').digest('hex'),
      sig_method: 'hmac_sha256',
    }
    return callWechat({ baseUrl, path, query, giveUpAtMs })
  }
}

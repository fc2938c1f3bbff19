import type { ProblemCode } from '@weapp-auth/shared'

/**
 * What each errcode means to our callers. An errcode that is not here becomes `internal`, its
 * number kept in the operator's log.
 *
 * Sources, all pages of developers.weixin.qq.com/miniprogram/dev: [login] server/API/user-login/api_code2session,
 * [token] server/API/mp-access-token/api_getaccesstoken, [global] the global return code list of the API overview.
 */
export const ERRCODES: Readonly<Record<number, ProblemCode>> = {
  [-1]: 'wechat_busy', // [login] "system error": busy, try again
  40001: 'wechat_misconfigured', // [global] access_token invalid, also after it was refreshed
  40002: 'wechat_misconfigured', // [token] invalid grant_type
  40013: 'wechat_misconfigured', // [token] invalid appid
  40014: 'wechat_misconfigured', // [global] access_token malformed, also after it was refreshed
  40029: 'code_invalid', // [login] invalid code
  40125: 'wechat_misconfigured', // [token] invalid appsecret
  40163: 'code_used', // [global] code been used
  40164: 'wechat_misconfigured', // [token] our address is not in the allow-list
  40226: 'wechat_user_blocked', // [login] high-risk user, the code is blocked
  40243: 'wechat_misconfigured', // [token] the AppSecret is frozen
  41001: 'wechat_misconfigured', // [global] access_token missing
  41002: 'wechat_misconfigured', // [token] appid missing
  41004: 'wechat_misconfigured', // [token] secret missing
  41008: 'code_invalid', // [global] code missing
  42001: 'wechat_misconfigured', // [global] access_token expired, also after it was refreshed
  43002: 'wechat_misconfigured', // [global] POST required
  45009: 'wechat_rate_limited', // [global] daily quota of the API
  45011: 'wechat_rate_limited', // [login] too many calls of this user, retry in the next minute
  48001: 'wechat_misconfigured', // [global] api unauthorized
  50004: 'wechat_misconfigured', // [token] the API is switched off for this app
  50007: 'wechat_misconfigured', // [token] the account is frozen
  89503: 'wechat_misconfigured', // [token] waiting for an administrator to confirm our address
  89506: 'wechat_misconfigured', // [token] an administrator refused our address for 24 hours
  89507: 'wechat_misconfigured', // [token] an administrator refused our address for 1 hour
}

/** A wrong appSecret: the next of a rotation is tried. */
export const INVALID_APP_SECRET = 40125

/** An access_token that is refused is refreshed once: 40001 not the latest, 40014 malformed, 42001 expired. */
export const ACCESS_TOKEN_REFUSED: ReadonlySet<number> = new Set([40001, 40014, 42001])

/**
 * What WeChat answers when a session_key is not its own: 87007 there is none, 87009 another one signed.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_checksessionkey
 */
export const SESSION_KEY_REFUSED: ReadonlySet<number> = new Set([87007, 87009])

/** Told to the caller, who can do something about it. */
export const DETAILS: Partial<Record<ProblemCode, string>> = {
  code_invalid: 'WeChat does not accept this code: it is older than five minutes or belongs to another appid',
  code_used: 'this code was used before: call wx.login for a new one',
}

/** 45011 asks for the next minute; -1 is over in a moment. */
export const RETRY_AFTER_SECONDS: Partial<Record<ProblemCode, number>> = { wechat_rate_limited: 60, wechat_busy: 1 }

import type { ProblemCode } from '@weapp-auth/shared'

/** What an errcode of WeChat means. */
export interface ErrcodeMeaning {
  /** What our caller is told. */
  code: ProblemCode
  /** For the operator's log: what WeChat means, and where the operator can change something about it. */
  meaning: string
}

/** The page of WeChat's console (mp.weixin.qq.com) where appid, AppSecret and allow-list are, under its Chinese name. */
const CONSOLE = 'see mp.weixin.qq.com, Development Management > Development Settings (开发管理 > 开发设置)'

/**
 * What the errcodes mean that WeChat is known to answer. Any other one becomes `internal`, its number kept in the
 * operator's log.
 *
 * Sources, all pages of developers.weixin.qq.com/miniprogram/dev: [login] server/API/user-login/api_code2session,
 * [token] server/API/mp-access-token/api_getaccesstoken, [global] the global return code list of the API overview.
 */
export const ERRCODES: Readonly<Record<number, ErrcodeMeaning>> = {
  // [login]
  [-1]: { code: 'wechat_busy', meaning: 'WeChat is busy' },
  40029: { code: 'code_invalid', meaning: 'the login code is not valid, or belongs to another mini-program' },
  40226: { code: 'wechat_user_blocked', meaning: 'WeChat considers this user a high risk and blocks the login' },
  45011: { code: 'wechat_rate_limited', meaning: 'too many calls for this user; again in the next minute' },
  // [token]
  40002: misconfigured('the grant_type is wrong: what stands between us and WeChat may have changed the request'),
  40013: misconfigured(`the appid is wrong: compare WECHAT_APPID; ${CONSOLE}`),
  40125: misconfigured(`the AppSecret is wrong: compare WECHAT_SECRET, or reset the secret; ${CONSOLE}`),
  40164: misconfigured(`the address of this server is not in the IP allow-list (IP白名单): add it; ${CONSOLE}`),
  40243: misconfigured(`the AppSecret is frozen: unfreeze it; ${CONSOLE}`),
  41002: misconfigured('the appid is missing: set WECHAT_APPID'),
  41004: misconfigured('the AppSecret is missing: set WECHAT_SECRET'),
  50004: misconfigured(
    'WeChat has switched this API off for the mini-program: see the notices (通知中心) at mp.weixin.qq.com',
  ),
  50007: misconfigured('the account of the mini-program is frozen: see the notices (通知中心) at mp.weixin.qq.com'),
  89503: misconfigured('an administrator of the mini-program must confirm the address of this server in WeChat'),
  89506: misconfigured('an administrator has refused the address of this server; WeChat asks again after 24 hours'),
  89507: misconfigured('an administrator has refused the address of this server; WeChat asks again after 1 hour'),
  // [global]
  40001: misconfigured('the access_token is not the latest, also after a refresh: another service may force refreshes'),
  40014: misconfigured('the access_token is malformed, also after a refresh'),
  40163: { code: 'code_used', meaning: 'the login code was used before' },
  41001: misconfigured('the access_token is missing: what stands between us and WeChat may have changed the request'),
  41008: { code: 'code_invalid', meaning: 'the login code is missing' },
  42001: misconfigured('the access_token has expired, also after a refresh: look at the clock of this server'),
  43002: misconfigured('WeChat wants a POST: what stands between us and WeChat may have changed the request'),
  45009: {
    code: 'wechat_rate_limited',
    meaning: 'the daily quota of this API is used up; it can be reset once at the console',
  },
  48001: misconfigured('the mini-program has no right to this API: see the API rights (接口权限) at mp.weixin.qq.com'),
}

/**
 * What errcodes of `getuserphonenumber` mean, where that is not what they mean elsewhere.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/phone-number/api_getphonenumber
 */
export const PHONE_ERRCODES: Readonly<Record<number, ErrcodeMeaning>> = {
  ...ERRCODES,
  // The page does not say what the openid of somebody else is answered; 40003 is WeChat's "openid not valid".
  40003: { code: 'phone_code_invalid', meaning: 'the phone code belongs to another user' },
  40013: { code: 'phone_code_invalid', meaning: 'the phone code belongs to another mini-program' },
  40029: { code: 'phone_code_invalid', meaning: 'the phone code is not valid, was used before, or is a login code' },
  1400001: misconfigured(
    'the quota of phone codes is used up: buy more at mp.weixin.qq.com, Payment Management (付费管理)',
  ),
}

function misconfigured(meaning: string): ErrcodeMeaning {
  return { code: 'wechat_misconfigured', meaning }
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
  phone_code_invalid:
    'WeChat does not accept this phone code: it is older than five minutes, was used before, or belongs to somebody else',
  code_used: 'this code was used before: call wx.login for a new one',
}

/** 45011 asks for the next minute; -1 is over in a moment. */
export const RETRY_AFTER_SECONDS: Partial<Record<ProblemCode, number>> = { wechat_rate_limited: 60, wechat_busy: 1 }

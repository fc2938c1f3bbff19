import {
  type AccessTokenResult,
  createAccessTokens,
  type StableTokenParams,
  type TokenParams,
} from './access-tokens.ts'
import { type Clock, createClock } from './clock.ts'
import { type ContentCheck, createContentCheck } from './content-check.ts'
import { createFaults, type Faults, WECHAT_FAULT_POINTS } from './faults.ts'
import { openidOf, unionidOf } from './identities.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createLoginCodes } from './login-codes.ts'
import { ANONYMOUS, type EncryptedData, encryptOpenData, signOpenData, type UserInfo } from './open-data.ts'
import { createPhoneNumbers, type PhoneNumbers } from './phone-numbers.ts'
import { createPushes, type Pushes } from './push.ts'
import { createSessionKeys, type SessionKeyParams } from './session-keys.ts'
import { createSubscriptions, type Subscriptions } from './subscriptions.ts'
import { WechatError } from './wechat-error.ts'

/** A mini-program as registered at WeChat. */
export interface WechatApp {
  appid: string
  secret: string
  /** The Open Platform account it is bound to; users of one account's apps share a unionid. Default: none, no unionid. */
  platform?: string
  /** The pages of the published mini-program, which codes may lead to. Default: any. */
  pages?: readonly string[]
}

/** WeChat's answer to a code. */
export interface Code2SessionResult {
  openid: string
  session_key: string
  unionid?: string
}

/** What a caller of `jscode2session` sends, in the names WeChat uses; each part that is missing has an errcode of its own. */
export interface Code2SessionParams {
  appid?: string | undefined
  secret?: string | undefined
  js_code?: string | undefined
  grant_type?: string | undefined
}

/** One in-memory WeChat, with both of its sides. Users exist from the first mention of their name. */
export interface World {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly faults: Faults
  readonly apps: readonly WechatApp[]
  /** Lets time pass on the server side, and records it. */
  advance(ms: number): void
  /**
   * What `wx.login` does at WeChat: issues a code and may rotate the session key.
   *
   * @throws WechatError 40013 for an appid WeChat does not know
   */
  login(user: string, appid: string): { code: string }
  /** Whether the session key behind the user's last code is alive. */
  checkSession(user: string, appid: string): boolean
  /**
   * Exchanges a code, once.
   *
   * @throws WechatError 40002, 40013, 40029, 40125, 40163, 40226, 41002, 41004, 41008, 45011
   */
  code2Session(params: Code2SessionParams): Code2SessionResult
  /**
   * The access_token of `/cgi-bin/token`: a new one at each call; the one before it lives on for five minutes. It and the
   * stable token do not end each other.
   *
   * @throws WechatError 40002, 40013, 40125, 41002, 41004
   */
  token(params: TokenParams): AccessTokenResult
  /**
   * The stable access_token of an app: the same one until five minutes before its end.
   *
   * @throws WechatError 40002, 40013, 40125, 41002, 41004
   */
  stableToken(params: StableTokenParams): AccessTokenResult
  /** Lets an app's access_tokens die before their time, as a forced refresh elsewhere does. */
  revokeAccessToken(appid: string): void
  /**
   * Whether the caller's session key of a user is WeChat's.
   *
   * @throws WechatError 40001, 40003, 41001, 42001, 87007, 87008, 87009
   */
  checkSessionKey(params: SessionKeyParams): void
  /** Replaces a user's session key; the new one ends when the old one would have. @throws WechatError as above */
  resetSessionKey(params: SessionKeyParams): { openid: string; session_key: string }
  /** The user's data as `wx.getUserProfile` hands it out: anonymous since 2022, signed and encrypted. */
  userInfo(user: string, appid: string): UserInfo
  /** Any other data as WeChat encrypts it for this user (a phone number, steps): with a watermark and without openId. */
  encrypt(user: string, appid: string, data: object): EncryptedData
  /** What a tap on a `getPhoneNumber` button gives. @throws WechatError 40013, 1400001 */
  phoneNumber(user: string, appid: string): PhoneNumberGift
  /** The app whose access_token it is. @throws WechatError 40001, 41001, 42001 */
  checkAccessToken(token: string | undefined): WechatApp
  /** What WeChat thinks of texts. */
  readonly contentCheck: ContentCheck
  /** What users agreed to be told, and what they were. */
  readonly subscriptions: Subscriptions
  /** Phone numbers, and the codes that stand for them. */
  readonly phones: PhoneNumbers
  /** What WeChat tells the mini-program's server by itself. */
  readonly pushes: Pushes
  /** The user's identity in this app: the same after a restart of the emulator. */
  openid(user: string, appid: string): string
  /** Ends the life of the user's session key, as time without use does. */
  expireSessionKey(user: string, appid: string): void
  /** Whether WeChat holds the user for high-risk: their codes are answered 40226. */
  setBlocked(user: string, blocked: boolean): void
}

/** What a tap on a `getPhoneNumber` button gives: a code, and the number as it was given before there were codes. */
export interface PhoneNumberGift extends EncryptedData {
  code: string
}

/** Options of `createWorld`. */
export interface WorldOptions {
  /** Default: `DEMO_APP` alone. */
  apps?: readonly WechatApp[]
  clock?: Clock
  ledger?: Ledger
  /** How long a session key lives without use. WeChat does not disclose it. Default three days. */
  sessionKeyTtlMs?: number
  /** A login within this time keeps the session key; WeChat documents that there is such a time, not its length. Default one minute. */
  sessionKeyRefreshMs?: number
  /** Exchanges of one user per minute before 45011; 100 in an older revision of the official page, without a number now. Default 100. */
  exchangesPerMinute?: number
}

/** The app an emulator has when nothing else is configured. */
export const DEMO_APP: WechatApp = { appid: 'wx0000000000000000', secret: 'emulator-only-not-a-secret-00000' }

/** A new WeChat with no users yet. Everything in it is gone with the process. */
export function createWorld({
  apps = [DEMO_APP],
  clock = createClock(),
  ledger = createLedger(),
  sessionKeyTtlMs = 3 * 24 * 60 * 60_000,
  sessionKeyRefreshMs = 60_000,
  exchangesPerMinute = 100,
}: WorldOptions = {}): World {
  const faults = createFaults({ points: WECHAT_FAULT_POINTS, ledger })
  /** Who an openid is, of those that were seen. */
  const seen = new Map<string, { user: string; appid: string; atMs: number }>()
  const codes = createLoginCodes({ clock, exchangesPerMinute })
  const keys = createSessionKeys({ clock, ttlMs: sessionKeyTtlMs, refreshMs: sessionKeyRefreshMs })
  const blocked = new Set<string>()
  const accessTokens = createAccessTokens({ clock })
  const phones = createPhoneNumbers({
    clock,
    ledger,
    checkToken: accessTokens.check,
    openidOf: knownOpenid,
  })
  const checkToken = accessTokens.check
  const contentCheck = createContentCheck({
    checkToken,
    unseenMs(openid, appid) {
      const known = seen.get(openid)
      return known?.appid === appid ? clock.now() - known.atMs : null
    },
  })
  const subscriptions = createSubscriptions({
    ledger,
    checkToken,
    openidOf: knownOpenid,
    userOf(openid, appid) {
      const known = seen.get(openid)
      return known?.appid === appid ? known.user : null
    },
  })
  const pushes = createPushes({ clock, ledger, openidOf: knownOpenid })

  function getApp(appid: string): WechatApp {
    const app = apps.find((candidate) => candidate.appid === appid)
    if (!app) throw new WechatError(40013)
    return app
  }

  function checkSecret({ appid, secret, grant_type }: TokenParams): string {
    if (!appid) throw new WechatError(41002)
    if (!secret) throw new WechatError(41004)
    if (grant_type !== 'client_credential') throw new WechatError(40002)
    if (secret !== getApp(appid).secret) throw new WechatError(40125)
    return appid
  }

  /** @throws WechatError 40013 */
  function knownOpenid(user: string, appid: string): string {
    return openidOf(user, getApp(appid).appid)
  }

  /** The access_token of one mini-program says nothing about the users of another. */
  function checkOwner(appid: string, openid: string | undefined): void {
    if (openid && (seen.get(openid)?.appid ?? appid) !== appid) throw new WechatError(40003)
  }

  function ownerOf(user: string, appid: string) {
    const { platform } = getApp(appid)
    const openid = openidOf(user, appid)
    seen.set(openid, { user, appid, atMs: clock.now() })
    const key = keys.use(openid, { rotate: false })
    ledger.add({ side: 'wechat', event: 'openData.issued', appid, user, sessionKey: ledger.alias('key', key) })
    const watermark = { timestamp: Math.floor(clock.now() / 1000), appid }
    return { openid, unionid: platform ? unionidOf(user, platform) : null, key, watermark }
  }

  function encrypt(user: string, appid: string, data: object): EncryptedData {
    const { key, watermark } = ownerOf(user, appid)
    return encryptOpenData({ ...data, watermark }, key)
  }

  return {
    clock,
    ledger,
    faults,
    apps,
    advance(ms) {
      clock.advance(ms)
      ledger.add({ side: 'control', event: 'clock.advance', clock: 'server', ms })
    },
    login(user, appid) {
      const openid = openidOf(user, getApp(appid).appid)
      seen.set(openid, { user, appid, atMs: clock.now() })
      keys.use(openid, { rotate: true })
      const code = codes.issue(user, appid)
      ledger.add({ side: 'wechat', event: 'code.issued', appid, user, code: ledger.alias('code', code) })
      return { code }
    },
    checkSession(user, appid) {
      const valid = keys.isAlive(openidOf(user, getApp(appid).appid))
      ledger.add({ side: 'wechat', event: 'wechat.checkSession', appid, user, valid })
      return valid
    },
    code2Session({ appid, secret, js_code, grant_type }) {
      if (!appid) throw new WechatError(41002)
      if (!secret) throw new WechatError(41004)
      if (!js_code) throw new WechatError(41008)
      if (grant_type !== 'authorization_code') throw new WechatError(40002)
      const app = getApp(appid)
      if (secret !== app.secret) throw new WechatError(40125)
      const user = codes.take(js_code, appid)
      if (blocked.has(user)) throw new WechatError(40226)
      const openid = openidOf(user, appid)
      const session_key = keys.use(openid, { rotate: false })
      return { openid, session_key, ...(app.platform && { unionid: unionidOf(user, app.platform) }) }
    },
    token: (params) => accessTokens.getPlain(checkSecret(params)),
    stableToken: (params) => accessTokens.getStable(checkSecret(params), { isForced: params.force_refresh === true }),
    revokeAccessToken(appid) {
      accessTokens.revoke(getApp(appid).appid)
      ledger.add({ side: 'control', event: 'access_token.revoked', appid })
    },
    checkSessionKey(params) {
      checkOwner(accessTokens.check(params.access_token), params.openid)
      keys.check(params)
    },
    resetSessionKey(params) {
      checkOwner(accessTokens.check(params.access_token), params.openid)
      return keys.reset(params)
    },
    userInfo(user, appid) {
      const { openid, unionid, key, watermark } = ownerOf(user, appid)
      const identified = { openId: openid, ...ANONYMOUS, ...(unionid && { unionId: unionid }), watermark }
      return { userInfo: ANONYMOUS, ...signOpenData(ANONYMOUS, key), ...encryptOpenData(identified, key) }
    },
    encrypt,
    phones,
    contentCheck,
    subscriptions,
    checkAccessToken: (token) => getApp(accessTokens.check(token)),
    phoneNumber: (user, appid) => ({ ...phones.issueCode(user, appid), ...encrypt(user, appid, phones.get(user)) }),
    pushes,
    openid: knownOpenid,
    expireSessionKey(user, appid) {
      keys.expire(openidOf(user, getApp(appid).appid))
      ledger.add({ side: 'control', event: 'session_key.expired', appid, user })
    },
    setBlocked(user, isBlocked) {
      if (isBlocked) blocked.add(user)
      else blocked.delete(user)
      ledger.add({ side: 'control', event: 'user.blocked', user, blocked: isBlocked })
    },
  }
}

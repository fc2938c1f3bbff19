import { DEFAULTS } from '../defaults.ts'
import type { PhoneNumber } from '../phone-number.ts'
import type { WechatIdentity } from '../wechat-identity.ts'
import {
  type AccessTokenStore,
  type AccessTokens,
  createAccessTokens,
  createMemoryAccessTokenStore,
} from './access-token.ts'
import { badResponse, callWechat, toErrcodeError, WECHAT_DEADLINE_MS, type WechatAnswer } from './api-call.ts'
import { createAppSecrets, type WechatApp } from './app-secrets.ts'
import { checkCode } from './code.ts'
import { exchangePhoneCode, type PhoneCode } from './phone-number-call.ts'
import { isSessionKey } from './session-key.ts'
import { createSessionKeyCalls, type SessionKeyCalls } from './session-key-calls.ts'

const MAX_ID_LENGTH = 64

/** Everything we ask of WeChat. Signing in takes `code2Session` alone, and that needs no access_token. */
export interface WechatGateway extends SessionKeyCalls {
  hasApp(appid: string): boolean
  /** From now on these mini-programs are known, with these appSecrets, and no others. */
  replaceApps(apps: readonly WechatApp[]): void
  /**
   * Refuses what cannot be a code of `wx.login`.
   *
   * @throws ApiError `request_invalid`
   */
  checkCode(code: string): void
  /**
   * Exchanges a login code. It is sent once, and never again after a failure of any kind; only a refused appSecret
   * (40125) sends it once more with each remaining one.
   *
   * @param code from `wx.login`; single use, valid for five minutes
   * @throws ApiError `appid_unknown`, `code_invalid`, `code_used`, `wechat_*` or `internal` (an unknown errcode)
   * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session
   */
  code2Session(appid: string, code: string): Promise<WechatIdentity>
  /**
   * Refuses what cannot be a code of a `getPhoneNumber` button.
   *
   * @throws ApiError `request_invalid`
   */
  checkPhoneCode(code: string): void
  /** The phone number behind a phone code: see {@link exchangePhoneCode}. */
  exchangePhoneCode(code: PhoneCode): Promise<PhoneNumber>
  /** The access_token of a mini-program: see `AccessTokens`. */
  accessToken: AccessTokens['get']
  /** What is known about the mini-programs without asking WeChat. @throws ApiError `store_unavailable` */
  inspect(): Promise<InspectedApp[]>
}

/** What an operator may see of a mini-program. */
export interface InspectedApp {
  appid: string
  /** How many appSecrets it has. */
  secrets: number
  /** Which of them WeChat took last, counted from 1; null: WeChat has taken none since this process started. */
  secretInUse: number | null
  /** For how long, in milliseconds, the access_token that is kept will be handed out; null: none is kept. */
  accessTokenTtlMs: number | null
}

/** Options of {@link createWechatGateway}. */
export interface WechatGatewayOptions {
  apps: readonly WechatApp[]
  /** Default `https://api.weixin.qq.com`. */
  baseUrl?: string
  /** Told what the operator should do, in one sentence without a secret. */
  warn?: (message: string) => void
  /** Default: kept by this process. Several processes need a common one. */
  accessTokens?: AccessTokenStore
}

/** WeChat for our mini-programs. Each call gives up after 5 s. */
export function createWechatGateway(options: WechatGatewayOptions): WechatGateway {
  const { apps, baseUrl = DEFAULTS.wechatApiBaseUrl, warn = () => {} } = options
  const secrets = createAppSecrets({ apps, warn })
  const store = options.accessTokens ?? createMemoryAccessTokenStore()
  const accessTokens = createAccessTokens({ secrets, baseUrl, store })

  return {
    hasApp: (appid) => secrets.has(appid),

    replaceApps: (apps) => secrets.replace(apps),

    checkCode: (code) => checkCode(code, warn),

    async code2Session(appid, code) {
      const giveUpAtMs = performance.now() + WECHAT_DEADLINE_MS
      const answer = await secrets.use(appid, (secret) => {
        const query = { appid, secret, js_code: code, grant_type: 'authorization_code' }
        return callWechat({ baseUrl, path: 'sns/jscode2session', query, giveUpAtMs })
      })
      return parseIdentity(answer)
    },

    checkPhoneCode: (code) => checkCode(code, warn, 'phone'),

    exchangePhoneCode: (code) => exchangePhoneCode({ accessTokens, baseUrl }, code),

    accessToken: accessTokens.get,

    inspect: () =>
      Promise.all(
        secrets.inspect().map(async (app) => ({
          ...app,
          accessTokenTtlMs: (await store.find(app.appid))?.ttlMs ?? null,
        })),
      ),

    ...createSessionKeyCalls({ baseUrl, accessTokens }),
  }
}

function parseIdentity(answer: WechatAnswer): WechatIdentity {
  if (answer.errcode !== 0) throw toErrcodeError(answer)
  const { openid, unionid, session_key: sessionKey } = answer.body
  if (!isId(openid)) throw badResponse('success without an openid')
  if (!isSessionKey(sessionKey)) throw badResponse('success without a session_key')
  if (unionid !== undefined && unionid !== null && unionid !== '' && !isId(unionid)) {
    throw badResponse('a unionid that is no text')
  }
  return { openid, unionid: unionid || null, sessionKey }
}

/** Text that every user store can keep: PostgreSQL refuses NUL, and half of a surrogate pair is no character. */
function isId(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_ID_LENGTH) return false
  return value.isWellFormed() && !value.includes('\0')
}

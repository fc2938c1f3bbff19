/** The path of each route, below the address of the service. */
export const ROUTES = {
  sessions: '/v1/sessions',
  session: '/v1/session',
  me: '/v1/me',
  profile: '/v1/me/profile',
  avatar: '/v1/me/avatar',
  phone: '/v1/me/phone',
  decryptOpenData: '/v1/open-data/decrypt',
  verifyOpenData: '/v1/open-data/verify',
  checkSessionKey: '/v1/session-key/check',
  verify: '/v1/verify',
  livez: '/livez',
  readyz: '/readyz',
} as const

/** Data about the phone. A login sends it only when the SDK's `device` option is on. Each text has at most 64 characters. */
export interface Device {
  platform?: string
  model?: string
  system?: string
  wechatVersion?: string
  sdkVersion?: string
}

/**
 * What users say about themselves. Neither WeChat nor the service verifies it. A user who never filled in the form has
 * empty strings.
 */
export interface UserProfile {
  nickname: string
  /** An https address, or empty. */
  avatarUrl: string
  /** 0 unknown, 1 male, 2 female: WeChat's own numbering. */
  gender: 0 | 1 | 2
  country: string
  province: string
  city: string
  language: string
}

/** A user as every route shows it. The WeChat identifiers (openid, unionid) never leave the server. */
export interface User {
  id: string
  profile: UserProfile
}

/** A session without its token. The token is shown once, in the answer that creates the session. */
export interface SessionSummary {
  id: string
  /** ISO 8601. */
  createdAt: string
}

/** `POST /v1/sessions`: exchanges a login code for a session. */
export interface CreateSessionRequest {
  /** The mini-program's appid, 1 to 64 characters. */
  appid: string
  /** From `wx.login`: single use, valid for five minutes. */
  code: string
  /**
   * From a `getPhoneNumber` button: single use, valid for five minutes. The user proves the number with the sign-in, and the
   * sign-in fails when WeChat refuses it.
   */
  phoneCode?: string
  device?: Device
  /** Free JSON for the host's `onSignIn` hook (inviter, channel, scene): at most 4 kB. */
  data?: unknown
}

/** `201` of `POST /v1/sessions`. Lifetimes are relative, in seconds, because phone clocks are wrong. */
export interface CreateSessionResponse {
  /** Opaque bearer token; goes into the `Authorization` header and nowhere else. */
  token: string
  tokenType: 'Bearer'
  /** Seconds until the session ends if it is not used. */
  expiresIn: number
  /** Seconds until the session ends, even if it is used. */
  absoluteExpiresIn: number
  session: SessionSummary
  user: User & { isNew: boolean }
}

/** `200` of `GET /v1/session`. */
export interface GetSessionResponse {
  session: SessionSummary
  user: User
  /** Seconds until the session ends if it is not used. */
  expiresIn: number
}

/** One of the user's sessions, for a list of signed-in devices. */
export interface ListedSession extends SessionSummary {
  /** ISO 8601. Up to a tenth of the idle lifetime late, because not every use is written. */
  lastSeenAt: string
  /** Whether this is the session that sent the request. */
  current: boolean
  /** Only if the client sent it. */
  device?: Device
}

/** `200` of `GET /v1/sessions`: the live sessions, oldest first. Never a token. */
export interface ListSessionsResponse {
  sessions: ListedSession[]
}

/** `200` of `DELETE /v1/sessions?scope=others|all`. */
export interface RevokeSessionsResponse {
  /** How many sessions ended. */
  revoked: number
}

/** `200` of `GET /v1/me`. */
export interface GetMeResponse {
  user: User
  /** The phone number without its middle, `138****8000`. Only when the user has one here. The whole number never leaves the server. */
  phoneMasked?: string
}

/** `POST /v1/me/profile`: changes the given fields. The others stay as they are. */
export type UpdateProfileRequest = Partial<UserProfile>

/** `200` of `POST /v1/me/profile`: the user with the whole profile, as it is stored now. */
export interface UpdateProfileResponse {
  user: User
}

/**
 * `200` of `POST /v1/me/avatar`, which takes one picture as multipart/form-data, as `wx.uploadFile` sends it: JPEG, PNG, WebP
 * or GIF, at most 5 MB and 50 million pixels.
 */
export interface UpdateAvatarResponse {
  /** Where the picture is; the profile has the same address from now on. */
  avatarUrl: string
}

/** `POST /v1/me/phone`: the user proves a phone number, which replaces the one there was. */
export interface BindPhoneRequest {
  /** From a `getPhoneNumber` button, not from `wx.login`: single use, valid for five minutes. */
  code: string
}

/** `200` of `POST /v1/me/phone`. */
export interface BindPhoneResponse {
  /** Without its middle, `138****8000`. */
  phoneMasked: string
  /** Without a plus sign, `86`. */
  countryCode: string
}

/**
 * `POST /v1/open-data/decrypt`: what `wx.getWeRunData` and similar calls return encrypted. Whatever the reason, data that
 * cannot be decrypted is answered with `session_key_stale`.
 */
export interface DecryptOpenDataRequest {
  /** Base64, unchanged. */
  encryptedData: string
  /** Base64, unchanged. */
  iv: string
}

/** `200` of `POST /v1/open-data/decrypt`: the data without openId, unionId and watermark, which the service checks and keeps. */
export interface DecryptOpenDataResponse {
  data: Record<string, unknown>
}

/** `POST /v1/open-data/verify`: data that WeChat signed. A wrong signature is answered with `session_key_stale`. */
export interface VerifyOpenDataRequest {
  /** The text, unchanged in every character. */
  rawData: string
  /** SHA-1 in hex, unchanged. */
  signature: string
}

/** `200` of `POST /v1/open-data/verify`. */
export interface VerifyOpenDataResponse {
  valid: true
}

/** `200` of `POST /v1/session-key/check`: whether the session_key that the server keeps is still valid at WeChat. */
export interface CheckSessionKeyResponse {
  valid: boolean
}

/** `200` or `503` of `GET /readyz`. */
export interface ReadinessResponse {
  status: 'ready' | 'unavailable'
  stores: { sessions: 'up' | 'down'; users: 'up' | 'down' }
  /** What an operator should change about the stores, a sentence each; absent when there is nothing. */
  warnings?: string[]
}

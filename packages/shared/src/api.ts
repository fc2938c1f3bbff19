/** Where each resource lives, relative to the origin the service is deployed at. */
export const ROUTES = {
  sessions: '/v1/sessions',
  session: '/v1/session',
  me: '/v1/me',
  profile: '/v1/me/profile',
  decryptOpenData: '/v1/open-data/decrypt',
  verifyOpenData: '/v1/open-data/verify',
  checkSessionKey: '/v1/session-key/check',
  verify: '/v1/verify',
  livez: '/livez',
  readyz: '/readyz',
} as const

/** What the phone is, sent with a login only when the host application asked for it; each at most 64 characters. */
export interface Device {
  platform?: string
  model?: string
  system?: string
  wechatVersion?: string
  sdkVersion?: string
}

/**
 * What users say of themselves. Nothing of it is verified by WeChat or by us, and a user who never
 * filled the form has empty strings.
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

/** The public half of a session; its token is shown once, in the answer that creates it. */
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
  device?: Device
  /** Free JSON for the host's `onSignIn` hook (inviter, channel, scene): at most 4 kB. */
  data?: unknown
}

/** `201` of `POST /v1/sessions`. Lifetimes are relative, in seconds, because phone clocks are wrong. */
export interface CreateSessionResponse {
  /** Opaque bearer token; goes into the `Authorization` header and nowhere else. */
  token: string
  tokenType: 'Bearer'
  /** Seconds until the session ends unless it is used. */
  expiresIn: number
  /** Seconds until the session ends however much it is used. */
  absoluteExpiresIn: number
  session: SessionSummary
  user: User & { isNew: boolean }
}

/** `200` of `GET /v1/session`. */
export interface GetSessionResponse {
  session: SessionSummary
  user: User
  /** Seconds until the session ends unless it is used. */
  expiresIn: number
}

/** One of the user's sessions, as a list of signed-in devices shows it. */
export interface ListedSession extends SessionSummary {
  /** ISO 8601; up to a tenth of the idle lifetime behind, because use is not written down each time. */
  lastSeenAt: string
  /** Whether it is the one that asks. */
  current: boolean
  /** Only where the client sends it. */
  device?: Device
}

/** `200` of `GET /v1/sessions`: the live ones, oldest first, and never a token. */
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
}

/** `POST /v1/me/profile`: the fields given are changed, a field left out stays as it is. */
export type UpdateProfileRequest = Partial<UserProfile>

/** `200` of `POST /v1/me/profile`: the whole profile, as it is stored now. */
export interface UpdateProfileResponse {
  user: User
}

/**
 * `POST /v1/open-data/decrypt`: what `wx.getUserInfo` and its like hand out encrypted. Every reason why it cannot be
 * opened is one and the same `session_key_stale`.
 */
export interface DecryptOpenDataRequest {
  /** Base64, as the phone got it. */
  encryptedData: string
  /** Base64, as the phone got it. */
  iv: string
}

/** `200` of `POST /v1/open-data/decrypt`: the data without openId, unionId and watermark, which are checked and stay. */
export interface DecryptOpenDataResponse {
  data: Record<string, unknown>
}

/** `POST /v1/open-data/verify`: data that WeChat signed. What does not match its signature is `session_key_stale`. */
export interface VerifyOpenDataRequest {
  /** The text as the phone got it, to the letter. */
  rawData: string
  /** SHA-1 in hex, as the phone got it. */
  signature: string
}

/** `200` of `POST /v1/open-data/verify`. */
export interface VerifyOpenDataResponse {
  valid: true
}

/** `200` of `POST /v1/session-key/check`: whether the server's session_key is still WeChat's. */
export interface CheckSessionKeyResponse {
  valid: boolean
}

/** `200` or `503` of `GET /readyz`. */
export interface ReadinessResponse {
  status: 'ready' | 'unavailable'
  stores: { sessions: 'up' | 'down'; users: 'up' | 'down' }
}

/*
 * The wire types of @weapp-auth/shared as JSON schemas; a type test holds the two together. Unknown fields are ignored on
 * the way in and cannot leave on the way out: what a response schema does not name is cut off.
 *
 * Plain objects: a library that builds schemas would take a third of the time that the service needs to start.
 */

const text = { type: 'string' } as const
const dateTime = { type: 'string', format: 'date-time' } as const
const integer = { type: 'integer' } as const
const boolean = { type: 'boolean' } as const

/** The device data of a phone; every field may be missing. */
export const Device = {
  type: 'object',
  properties: { platform: text, model: text, system: text, wechatVersion: text, sdkVersion: text },
} as const

/** What users fill in about themselves. */
export const UserProfile = {
  type: 'object',
  required: ['nickname', 'avatarUrl', 'gender', 'country', 'province', 'city', 'language'],
  properties: {
    nickname: text,
    avatarUrl: text,
    gender: { enum: [0, 1, 2] },
    country: text,
    province: text,
    city: text,
    language: text,
  },
} as const

/** A user as every route shows it. */
export const User = {
  type: 'object',
  required: ['id', 'profile'],
  properties: { id: text, profile: UserProfile },
} as const

/** A session as every route shows it. */
export const SessionSummary = {
  type: 'object',
  required: ['id', 'createdAt'],
  properties: { id: text, createdAt: dateTime },
} as const

/** Body of `POST /v1/sessions`. The rule for `code` is in `wechat/code.ts`. */
export const CreateSessionRequest = {
  type: 'object',
  required: ['appid', 'code'],
  properties: {
    appid: { type: 'string', minLength: 1, maxLength: 64 },
    code: text,
    phoneCode: text,
    device: Device,
    data: {},
  },
} as const

/** 201 of `POST /v1/sessions`. */
export const CreateSessionResponse = {
  type: 'object',
  required: ['token', 'tokenType', 'expiresIn', 'absoluteExpiresIn', 'session', 'user'],
  properties: {
    token: text,
    tokenType: { const: 'Bearer' },
    expiresIn: integer,
    absoluteExpiresIn: integer,
    session: SessionSummary,
    user: {
      type: 'object',
      required: [...User.required, 'isNew'],
      properties: { ...User.properties, isNew: boolean },
    },
  },
} as const

/** 200 of `GET /v1/session`. */
export const GetSessionResponse = {
  type: 'object',
  required: ['session', 'user', 'expiresIn'],
  properties: { session: SessionSummary, user: User, expiresIn: integer },
} as const

/** One session of `GET /v1/sessions`. */
export const ListedSession = {
  type: 'object',
  required: [...SessionSummary.required, 'lastSeenAt', 'current'],
  properties: { ...SessionSummary.properties, lastSeenAt: dateTime, current: boolean, device: Device },
} as const
/** 200 of `GET /v1/sessions`. */
export const ListSessionsResponse = {
  type: 'object',
  required: ['sessions'],
  properties: { sessions: { type: 'array', items: ListedSession } },
} as const

/** Path of `DELETE /v1/sessions/:id`. */
export const SessionParams = { type: 'object', required: ['id'], properties: { id: text } } as const
/** Query of `DELETE /v1/sessions`. */
export const RevokeSessionsQuery = {
  type: 'object',
  required: ['scope'],
  properties: { scope: { enum: ['others', 'all'] } },
} as const
/** 200 of `DELETE /v1/sessions`. */
export const RevokeSessionsResponse = {
  type: 'object',
  required: ['revoked'],
  properties: { revoked: integer },
} as const

/** 200 of `GET /v1/me`. */
export const GetMeResponse = {
  type: 'object',
  required: ['user'],
  properties: { user: User, phoneMasked: text },
} as const
/** Body of `POST /v1/me/profile`: the fields to change. */
export const UpdateProfileRequest = { type: 'object', properties: UserProfile.properties } as const
/** 200 of `POST /v1/me/profile`: the whole profile. */
export const UpdateProfileResponse = { type: 'object', required: ['user'], properties: { user: User } } as const

/** 200 of `POST /v1/me/avatar`. Its body is no JSON: see `avatar/routes.ts`. */
export const UpdateAvatarResponse = {
  type: 'object',
  required: ['avatarUrl'],
  properties: { avatarUrl: text },
} as const

/** Body of `POST /v1/me/phone`. The rule for `code` is in `wechat/code.ts`. */
export const BindPhoneRequest = { type: 'object', required: ['code'], properties: { code: text } } as const
/** 200 of `POST /v1/me/phone`. */
export const BindPhoneResponse = {
  type: 'object',
  required: ['phoneMasked', 'countryCode'],
  properties: { phoneMasked: text, countryCode: text },
} as const

/** Body of `POST /v1/open-data/decrypt`. */
export const DecryptOpenDataRequest = {
  type: 'object',
  required: ['encryptedData', 'iv'],
  properties: { encryptedData: text, iv: text },
} as const
/** 200 of `POST /v1/open-data/decrypt`. */
export const DecryptOpenDataResponse = {
  type: 'object',
  required: ['data'],
  properties: { data: { type: 'object', additionalProperties: {} } },
} as const
/** Body of `POST /v1/open-data/verify`. */
export const VerifyOpenDataRequest = {
  type: 'object',
  required: ['rawData', 'signature'],
  properties: { rawData: text, signature: text },
} as const
/** 200 of `POST /v1/open-data/verify`. */
export const VerifyOpenDataResponse = {
  type: 'object',
  required: ['valid'],
  properties: { valid: { const: true } },
} as const

/** 200 of `POST /v1/session-key/check`. */
export const CheckSessionKeyResponse = {
  type: 'object',
  required: ['valid'],
  properties: { valid: boolean },
} as const

/** 200 of `GET /livez`. */
export const LivenessResponse = {
  type: 'object',
  required: ['status'],
  properties: { status: { const: 'live' } },
} as const

const UpOrDown = { enum: ['up', 'down'] } as const
/** 200 and 503 of `GET /readyz`. */
export const ReadinessResponse = {
  type: 'object',
  required: ['status', 'stores'],
  properties: {
    status: { enum: ['ready', 'unavailable'] },
    stores: {
      type: 'object',
      required: ['sessions', 'users'],
      properties: { sessions: UpOrDown, users: UpOrDown },
    },
    warnings: { type: 'array', items: text },
  },
} as const

/** 204. */
export const NoContent = { type: 'null' } as const

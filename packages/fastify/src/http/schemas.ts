import { type Static, type TSchema, Type } from 'typebox'

/*
 * The wire types of @weapp-auth/shared as schemas; a type test holds the two together. Unknown fields are ignored on
 * the way in and cannot leave on the way out: what a response schema does not name is cut off.
 */

/** The device data of a phone; every field may be missing. */
export const Device = Type.Object({
  platform: Type.Optional(Type.String()),
  model: Type.Optional(Type.String()),
  system: Type.Optional(Type.String()),
  wechatVersion: Type.Optional(Type.String()),
  sdkVersion: Type.Optional(Type.String()),
})

const Gender = Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)])

/** What users fill in about themselves. */
export const UserProfile = Type.Object({
  nickname: Type.String(),
  avatarUrl: Type.String(),
  gender: Gender,
  country: Type.String(),
  province: Type.String(),
  city: Type.String(),
  language: Type.String(),
})

/** A user as every route shows it. */
export const User = Type.Object({ id: Type.String(), profile: UserProfile })

/** A session as every route shows it. */
export const SessionSummary = Type.Object({ id: Type.String(), createdAt: Type.String({ format: 'date-time' }) })

/** Body of `POST /v1/sessions`. The rule for `code` is in `wechat/code.ts`. */
export const CreateSessionRequest = Type.Object({
  appid: Type.String({ minLength: 1, maxLength: 64 }),
  code: Type.String(),
  phoneCode: Type.Optional(Type.String()),
  device: Type.Optional(Device),
  data: Type.Optional(Type.Unknown()),
})

/** 201 of `POST /v1/sessions`. */
export const CreateSessionResponse = Type.Object({
  token: Type.String(),
  tokenType: Type.Literal('Bearer'),
  expiresIn: Type.Integer(),
  absoluteExpiresIn: Type.Integer(),
  session: SessionSummary,
  user: Type.Object({ ...User.properties, isNew: Type.Boolean() }),
})

/** 200 of `GET /v1/session`. */
export const GetSessionResponse = Type.Object({ session: SessionSummary, user: User, expiresIn: Type.Integer() })

/** One session of `GET /v1/sessions`. */
export const ListedSession = Type.Object({
  ...SessionSummary.properties,
  lastSeenAt: Type.String({ format: 'date-time' }),
  current: Type.Boolean(),
  device: Type.Optional(Device),
})
/** 200 of `GET /v1/sessions`. */
export const ListSessionsResponse = Type.Object({ sessions: Type.Array(ListedSession) })

/** Path of `DELETE /v1/sessions/:id`. */
export const SessionParams = Type.Object({ id: Type.String() })
/** Query of `DELETE /v1/sessions`. */
export const RevokeSessionsQuery = Type.Object({ scope: Type.Union([Type.Literal('others'), Type.Literal('all')]) })
/** 200 of `DELETE /v1/sessions`. */
export const RevokeSessionsResponse = Type.Object({ revoked: Type.Integer() })

/** 200 of `GET /v1/me`. */
export const GetMeResponse = Type.Object({ user: User, phoneMasked: Type.Optional(Type.String()) })
/** Body of `POST /v1/me/profile`: the fields to change. */
export const UpdateProfileRequest = Type.Partial(UserProfile)
/** 200 of `POST /v1/me/profile`: the whole profile. */
export const UpdateProfileResponse = Type.Object({ user: User })

/** 200 of `POST /v1/me/avatar`. Its body is no JSON: see `avatar/routes.ts`. */
export const UpdateAvatarResponse = Type.Object({ avatarUrl: Type.String() })

/** Body of `POST /v1/me/phone`. The rule for `code` is in `wechat/code.ts`. */
export const BindPhoneRequest = Type.Object({ code: Type.String() })
/** 200 of `POST /v1/me/phone`. */
export const BindPhoneResponse = Type.Object({ phoneMasked: Type.String(), countryCode: Type.String() })

/** Body of `POST /v1/open-data/decrypt`. */
export const DecryptOpenDataRequest = Type.Object({ encryptedData: Type.String(), iv: Type.String() })
/** 200 of `POST /v1/open-data/decrypt`. */
export const DecryptOpenDataResponse = Type.Object({ data: Type.Record(Type.String(), Type.Unknown()) })
/** Body of `POST /v1/open-data/verify`. */
export const VerifyOpenDataRequest = Type.Object({ rawData: Type.String(), signature: Type.String() })
/** 200 of `POST /v1/open-data/verify`. */
export const VerifyOpenDataResponse = Type.Object({ valid: Type.Literal(true) })

/** 200 of `POST /v1/session-key/check`. */
export const CheckSessionKeyResponse = Type.Object({ valid: Type.Boolean() })

/** 200 of `GET /livez`. */
export const LivenessResponse = Type.Object({ status: Type.Literal('live') })

const UpOrDown = Type.Union([Type.Literal('up'), Type.Literal('down')])
/** 200 and 503 of `GET /readyz`. */
export const ReadinessResponse = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('unavailable')]),
  stores: Type.Object({ sessions: UpOrDown, users: UpOrDown }),
  warnings: Type.Optional(Type.Array(Type.String())),
})

/** 204. */
export const NoContent = Type.Null()

export type { Static, TSchema }

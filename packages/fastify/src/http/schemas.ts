import { type Static, type TSchema, Type } from 'typebox'

/*
 * The wire types of @weapp-auth/shared as schemas; a type test holds the two together. Unknown fields are ignored on
 * the way in and cannot leave on the way out: what a response schema does not name is cut off.
 */

export const Device = Type.Object({
  platform: Type.Optional(Type.String()),
  model: Type.Optional(Type.String()),
  system: Type.Optional(Type.String()),
  wechatVersion: Type.Optional(Type.String()),
  sdkVersion: Type.Optional(Type.String()),
})

const Gender = Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)])

export const UserProfile = Type.Object({
  nickname: Type.String(),
  avatarUrl: Type.String(),
  gender: Gender,
  country: Type.String(),
  province: Type.String(),
  city: Type.String(),
  language: Type.String(),
})

export const User = Type.Object({ id: Type.String(), profile: UserProfile })

export const SessionSummary = Type.Object({ id: Type.String(), createdAt: Type.String({ format: 'date-time' }) })

export const CreateSessionRequest = Type.Object({
  appid: Type.String({ minLength: 1, maxLength: 64 }),
  code: Type.String(),
  device: Type.Optional(Device),
  data: Type.Optional(Type.Unknown()),
})

export const CreateSessionResponse = Type.Object({
  token: Type.String(),
  tokenType: Type.Literal('Bearer'),
  expiresIn: Type.Integer(),
  absoluteExpiresIn: Type.Integer(),
  session: SessionSummary,
  user: Type.Object({ ...User.properties, isNew: Type.Boolean() }),
})

export const GetSessionResponse = Type.Object({ session: SessionSummary, user: User, expiresIn: Type.Integer() })

export const ListedSession = Type.Object({
  ...SessionSummary.properties,
  lastSeenAt: Type.String({ format: 'date-time' }),
  current: Type.Boolean(),
  device: Type.Optional(Device),
})
export const ListSessionsResponse = Type.Object({ sessions: Type.Array(ListedSession) })

export const SessionParams = Type.Object({ id: Type.String() })
export const RevokeSessionsQuery = Type.Object({ scope: Type.Union([Type.Literal('others'), Type.Literal('all')]) })
export const RevokeSessionsResponse = Type.Object({ revoked: Type.Integer() })

export const GetMeResponse = Type.Object({ user: User })
export const UpdateProfileRequest = Type.Partial(UserProfile)
export const UpdateProfileResponse = GetMeResponse

export const DecryptOpenDataRequest = Type.Object({ encryptedData: Type.String(), iv: Type.String() })
export const DecryptOpenDataResponse = Type.Object({ data: Type.Record(Type.String(), Type.Unknown()) })
export const VerifyOpenDataRequest = Type.Object({ rawData: Type.String(), signature: Type.String() })
export const VerifyOpenDataResponse = Type.Object({ valid: Type.Literal(true) })

export const CheckSessionKeyResponse = Type.Object({ valid: Type.Boolean() })

export const LivenessResponse = Type.Object({ status: Type.Literal('live') })

const UpOrDown = Type.Union([Type.Literal('up'), Type.Literal('down')])
export const ReadinessResponse = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('unavailable')]),
  stores: Type.Object({ sessions: UpOrDown, users: UpOrDown }),
  warnings: Type.Optional(Type.Array(Type.String())),
})

/** 204. */
export const NoContent = Type.Null()

export type { Static, TSchema }

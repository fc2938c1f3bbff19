import type * as Wire from '@weapp-auth/shared'
import type { XStatic } from 'typebox/schema'
import type * as Schemas from '../../src/http/schemas.ts'

/*
 * The schemas and the wire types say the same. Compiled with the tests and never run: where the two part, this does not
 * compile.
 */

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Evens out how a type was written (intersections, interfaces), not what it says. */
type Plain<T> = T extends object ? { [K in keyof T]: Plain<T[K]> } : T
type Same<Schema, Type> = Equal<Plain<Schema>, Plain<Type>>

type Of<Name extends keyof typeof Schemas> = XStatic<(typeof Schemas)[Name]>

export type Proof = [
  Assert<Same<Of<'CreateSessionRequest'>, Wire.CreateSessionRequest>>,
  Assert<Same<Of<'CreateSessionResponse'>, Wire.CreateSessionResponse>>,
  Assert<Same<Of<'GetSessionResponse'>, Wire.GetSessionResponse>>,
  Assert<Same<Of<'ListSessionsResponse'>, Wire.ListSessionsResponse>>,
  Assert<Same<Of<'RevokeSessionsResponse'>, Wire.RevokeSessionsResponse>>,
  Assert<Same<Of<'GetMeResponse'>, Wire.GetMeResponse>>,
  Assert<Same<Of<'UpdateProfileRequest'>, Wire.UpdateProfileRequest>>,
  Assert<Same<Of<'UpdateProfileResponse'>, Wire.UpdateProfileResponse>>,
  Assert<Same<Of<'UpdateAvatarResponse'>, Wire.UpdateAvatarResponse>>,
  Assert<Same<Of<'BindPhoneRequest'>, Wire.BindPhoneRequest>>,
  Assert<Same<Of<'BindPhoneResponse'>, Wire.BindPhoneResponse>>,
  Assert<Same<Of<'DecryptOpenDataRequest'>, Wire.DecryptOpenDataRequest>>,
  Assert<Same<Of<'DecryptOpenDataResponse'>, Wire.DecryptOpenDataResponse>>,
  Assert<Same<Of<'VerifyOpenDataRequest'>, Wire.VerifyOpenDataRequest>>,
  Assert<Same<Of<'VerifyOpenDataResponse'>, Wire.VerifyOpenDataResponse>>,
  Assert<Same<Of<'CheckSessionKeyResponse'>, Wire.CheckSessionKeyResponse>>,
  Assert<Same<Of<'ReadinessResponse'>, Wire.ReadinessResponse>>,
  Assert<Same<Of<'Device'>, Wire.Device>>,
  Assert<Same<Of<'UserProfile'>, Wire.UserProfile>>,
  // The comparison itself tells apart what it should.
  Refute<Same<{ a: string }, { a: number }>>,
  Refute<Same<{ a: string }, { a?: string }>>,
  Refute<Same<{ a: string }, { a: string; b: string }>>,
  Refute<Same<{ a: { b: string } }, { a: { b: unknown } }>>,
]

type Assert<T extends true> = T
type Refute<T extends false> = T

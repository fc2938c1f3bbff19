export type { SessionSummary, User, UserProfile } from '@weapp-auth/shared'
export {
  type Auth,
  type AuthEvents,
  type CreateAuthOptions,
  createAuth,
  type EnsureLoginOptions,
  type RequestOptions,
  type Session,
  type SessionUser,
} from './auth.ts'
export { AuthError, type AuthErrorCode, type AuthErrorDetails, isAuthError } from './errors.ts'
export type { AuthOptions } from './pipeline.ts'
export type { SignOutReason } from './storage.ts'
export type { KeyValueStorage, RequestResult, RequestTask, Wx, WxRequestOptions } from './wx.ts'

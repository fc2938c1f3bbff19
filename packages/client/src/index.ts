export type { DecryptOpenDataRequest, SessionSummary, User, UserProfile } from '@weapp-auth/shared'
export { createAuth } from './auth.ts'
export type {
  Auth,
  AuthEvents,
  CreateAuthOptions,
  DownloadOptions,
  DownloadTask,
  EnsureLoginOptions,
  RequestOptions,
  RequestTask,
  Session,
  SessionUser,
  UploadOptions,
  UploadTask,
  WithCallbacks,
} from './contract.ts'
export { AuthError, type AuthErrorCode, type AuthErrorDetails, isAuthError } from './errors.ts'
export type { AuthOptions } from './pipeline.ts'
export type { SignInRequest } from './service.ts'
export type { LogoutOptions } from './session.ts'
export type { SocketOptions } from './socket.ts'
export type { SignOutReason } from './storage.ts'
export type { AuthFailure } from './task.ts'
export type {
  Callbacks,
  DownloadResult,
  KeyValueStorage,
  RequestResult,
  SocketClose,
  SocketTask,
  Task,
  UploadResult,
  Wx,
  WxDownloadOptions,
  WxFailure,
  WxRequestOptions,
  WxSocketOptions,
  WxUploadOptions,
} from './wx.ts'

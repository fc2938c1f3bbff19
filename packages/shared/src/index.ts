export type {
  BindPhoneRequest,
  BindPhoneResponse,
  CheckSessionKeyResponse,
  CreateSessionRequest,
  CreateSessionResponse,
  DecryptOpenDataRequest,
  DecryptOpenDataResponse,
  Device,
  GetMeResponse,
  GetSessionResponse,
  ListedSession,
  ListSessionsResponse,
  ReadinessResponse,
  RevokeSessionsResponse,
  SessionSummary,
  UpdateAvatarResponse,
  UpdateProfileRequest,
  UpdateProfileResponse,
  User,
  UserProfile,
  VerifyOpenDataRequest,
  VerifyOpenDataResponse,
} from './api.ts'
export { ROUTES } from './api.ts'
export type { Problem, ProblemCode, RevocationReason } from './problems.ts'
export { PROBLEM_STATUS, REVOCATION_REASONS } from './problems.ts'

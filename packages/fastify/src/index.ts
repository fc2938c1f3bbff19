export type { ChangeOptions, DisableOptions, OnSignIn, SignInAbout, SignInAnswer } from './accounts.ts'
export type { Actor } from './actor.ts'
export { ApiError, type ApiErrorOptions, type LogFields } from './api-error.ts'
export { type AvatarStore, type AvatarsOptions, type KeptAvatar, removeAvatarsOf } from './avatar/avatar-store.ts'
export { createFolderAvatarStore } from './avatar/folder-store.ts'
export { createS3AvatarStore, parseS3Url, type S3AvatarStoreOptions, type S3Bucket } from './avatar/s3-store.ts'
export type { ConflictPage, ConflictStore, Merge, MergeResult, UserConflict } from './conflicts/conflict-store.ts'
export { createDeadlines, type Deadlines } from './deadlines.ts'
export { APPID_PATTERN, DEFAULTS } from './defaults.ts'
export {
  type AnsweredProblem,
  CHANNELS,
  type FinishedCall,
  type ObservedCall,
  observeCall,
} from './diagnostics.ts'
export {
  type AuthEvent,
  type DeliveredEvent,
  EVENT_TYPES,
  type EventData,
  type EventType,
  type NewEvent,
} from './events/event.ts'
export { createEventId } from './events/event-id.ts'
export type { EventQueue, GivenUpEvent, Held, HeldEvent, QueueState } from './events/event-queue.ts'
export type { EventQuery, EventStore, EventsOptions } from './events/event-store.ts'
export {
  type ChangeEvent,
  createSqlEventStore,
  type SqlEventStore,
  type SqlEventStoreOptions,
  type WriteEvent,
} from './events/sql-events.ts'
export { authenticate, type RequestAuth } from './http/plugins/authenticate.ts'
export { problems, sendProblem } from './http/plugins/problems.ts'
export type { RateLimitsOptions } from './http/plugins/rate-limit.ts'
export { STRICT_SCHEMAS, useStrictJson } from './http/plugins/strict-json.ts'
export { authHeaders, repeatRefusals } from './http/routes/verify.ts'
export * as schemas from './http/schemas.ts'
export type { TypedRoutes } from './http/typed-routes.ts'
export {
  IMPORT_COLUMNS,
  type ImportColumn,
  type ImportLine,
  type ImportSettings,
  isUtcOffset,
} from './import/import-line.ts'
export type { ImportOutcome } from './import/import-plan.ts'
export { createSqlImport, MAX_IMPORT_LINES, type SqlImportOptions, type UserImport } from './import/sql-import.ts'
export { createKeyRotation, type KeyRotation, type RotationPlace, type RotationStep } from './key-rotation.ts'
export { createOutageLog, type OutageLog } from './outage-log.ts'
export type { GivePhoneResult, KeptPhone, PhoneHolder, PhoneProof, PhoneStore } from './phone/phone-store.ts'
export type { PhonesOptions } from './phone/phones.ts'
export { createSqlPhoneStore, type SqlPhoneStoreOptions } from './phone/sql-phones.ts'
export { isPhoneNumber, maskPhone, type PhoneNumber } from './phone-number.ts'
export { type WeappAuthOptions, weappAuth } from './plugin.ts'
export type { PushOptions, PushSecrets } from './push/push-options.ts'
export { createRecentReads, type RecentReads, type RecentReadsOptions } from './recent-reads.ts'
export type { RedisClient, RedisClusterClient, RedisServerClient } from './redis.ts'
export { createRedisSessionStore, type RedisSessionStoreOptions } from './sessions/redis-store.ts'
export { ERASED_KNOWN_MS, type ErasedUser, type RestoreSupport } from './sessions/restore-support.ts'
export type {
  ChangeLifetime,
  CodeClaim,
  Lifetime,
  Moment,
  Revocation,
  RevokeAll,
  SessionRecord,
  SessionStore,
  Tombstone,
} from './sessions/session-store.ts'
export type { Session } from './sessions/sessions.ts'
export { createSqliteSessionStore, type SqliteSessionStoreOptions } from './sessions/sqlite-store.ts'
export type { StoreListener, StoreMessages } from './sessions/store-messages.ts'
export type { SessionRef } from './sessions/token.ts'
export type { ServerSocket } from './sockets/guarded-sockets.ts'
export type { SocketOptions } from './sockets/socket-options.ts'
export { reasonOf } from './store-failure.ts'
export type {
  ConflictsTable,
  EventsTable,
  IdentitiesTable,
  KeysTable,
  PhoneKeyTable,
  PhonesTable,
  StoreTable,
  UnionidsTable,
  UsersDatabase,
  UsersTable,
} from './users/database.ts'
export { type CheckKeyRingOptions, checkKeyRing } from './users/key-ring.ts'
export {
  compareMigrations,
  type MigrationState,
  migrateUsers,
  UnusableDatabaseError,
} from './users/migrations/migrate.ts'
export { findStatementName } from './users/prepared.ts'
export {
  createSessionKeyVault,
  generateVaultKey,
  type KeyMark,
  type KeyOwner,
  type SessionKeyVault,
} from './users/session-key-vault.ts'
export type { IdentityConflict } from './users/sql-identities.ts'
export { createSqlUserStore, type SqlUserStoreOptions } from './users/sql-users.ts'
export { copySqliteUsers, openSqliteUsers } from './users/sqlite-users.ts'
export {
  type Disabled,
  type ExternalIdResult,
  type IdentityStore,
  isDisabled,
  type LinkedIdentity,
  type LinkResult,
  type SignedInUser,
  type User,
  type UserIdentity,
  type UserPage,
  type UserStore,
} from './users/users.ts'
export type { CreateUserOptions, Inspection, IssueOptions, RevokeOptions, WeappAuth } from './weapp-auth.ts'
export type { AccessToken, AccessTokenStore } from './wechat/access-token.ts'
export type { WechatApp } from './wechat/app-secrets.ts'
export type { InspectedApp } from './wechat/gateway.ts'
export {
  type AccessTokenSeal,
  createRedisAccessTokenStore,
  type RedisAccessTokenStoreOptions,
} from './wechat/redis-access-token-store.ts'
export type { WechatIdentity, WechatKeys } from './wechat-identity.ts'
export type { World } from './world.ts'

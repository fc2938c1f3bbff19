export type { AccessTokenResult, StableTokenParams, TokenParams } from './access-tokens.ts'
export { type Clock, type ClockOptions, createClock } from './clock.ts'
export type { ContentCheck, ContentCheckParams, ContentCheckResult } from './content-check.ts'
export {
  createFaults,
  DEVICE_FAULT_POINTS,
  type Fault,
  type FaultPoint,
  type Faults,
  type FaultsOptions,
  WECHAT_FAULT_POINTS,
} from './faults.ts'
export { LaunchError, type LaunchErrorCode } from './host/app-files.ts'
export { type LaunchAppOptions, launchApp } from './host/launch-app.ts'
export type { AppConsole } from './host/run-app.ts'
export type { RunningApp, RunningPage } from './host/running-app.ts'
export { type ControlApiOptions, controlApi } from './http/control-api.ts'
export { isLoopbackHost } from './http/loopback-host.ts'
export { type StartWechatOptions, startWechat, type WechatServer } from './http/start-wechat.ts'
export { wechatApi } from './http/wechat-api.ts'
export {
  createLedger,
  type Ledger,
  type LedgerDetail,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerOptions,
  type SecretKind,
} from './ledger.ts'
export { type MiniCode, readMiniCode } from './mini-code.ts'
export type { EncryptedData, UserInfo } from './open-data.ts'
export type { PhoneInfo, PhoneNumber, PhoneNumberParams, PhoneNumbers } from './phone-numbers.ts'
export { expectCodesUsedOnce, expectLogins, expectNoSecretOnPhone, type Proofs, proofsOf } from './proofs.ts'
export type { AccountEvent, Pushes, PushResult } from './push.ts'
export type { PushMessage, PushTarget } from './push-message.ts'
export type { SessionKeyParams } from './session-keys.ts'
export type { ReceivedMessage, SubscribeMessageParams, Subscriptions } from './subscriptions.ts'
export { WechatError } from './wechat-error.ts'
export {
  type Code2SessionParams,
  type Code2SessionResult,
  createWorld,
  DEMO_APP,
  type PhoneNumberGift,
  type WechatApp,
  type World,
  type WorldOptions,
} from './world.ts'
export type { Answer, Answers } from './wx/answers.ts'
export type { Callbacks, Failure } from './wx/api-call.ts'
export type { AppUpdate } from './wx/app-services.ts'
export type { AppThread } from './wx/app-thread.ts'
export type { Canvases, Drawing } from './wx/canvas.ts'
export type { UserChoices } from './wx/choices.ts'
export { createDevice, type Device, type DeviceOptions, type Wx } from './wx/device.ts'
export type { DeviceFiles } from './wx/files.ts'
export type { LaunchOptions, Lifecycle } from './wx/lifecycle.ts'
export { localLink, remoteLink, type WechatLink } from './wx/link.ts'
export type { Network, NetworkType } from './wx/network.ts'
export type { ButtonDetail, OpenButtons } from './wx/open-buttons.ts'
export type { Privacy } from './wx/permissions.ts'
export type { ReceivedHeaders, RequestTask, TransferProgress, TransferTask } from './wx/request.ts'
export type {
  DownloadOptions,
  DownloadResult,
  RequestOptions,
  RequestResult,
  UploadOptions,
  UploadResult,
} from './wx/request-options.ts'
export type { SocketOptions, SocketTask } from './wx/socket.ts'
export { unpackSocketHeaders } from './wx/socket-headers.ts'
export type { DeviceStorage } from './wx/storage.ts'
export type { Transport, TransportRequest, TransportResponse } from './wx/transport.ts'
export type { TabBar } from './wx/ui.ts'
export type { Connection, SocketEvents, SocketRequest, SocketTransport } from './wx/web-socket.ts'

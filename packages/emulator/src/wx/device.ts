import { type Clock, createClock } from '../clock.ts'
import { createFaults, DEVICE_FAULT_POINTS, type Faults } from '../faults.ts'
import { createLedger, type Ledger, type LedgerDetail } from '../ledger.ts'
import { createAnimation } from './animation.ts'
import { type Answers, createAnswers } from './answers.ts'
import { createAppErrors } from './app-errors.ts'
import { type AppUpdate, createAppServices, createCacheManagers } from './app-services.ts'
import { type AppThread, createAppThread } from './app-thread.ts'
import { type Canvases, createCanvases } from './canvas.ts'
import { createChoices, type UserChoices } from './choices.ts'
import { type DeviceContext, SINGLE_PAGE_SCENE } from './context.ts'
import { createFileSystem } from './file-system.ts'
import { createFiles, type DeviceFiles } from './files.ts'
import { httpTransport } from './http-transport.ts'
import { createLifecycle, type Lifecycle } from './lifecycle.ts'
import type { WechatLink } from './link.ts'
import { createLoginApi } from './login.ts'
import { createMediaApi } from './media.ts'
import { createNetwork, type Network } from './network.ts'
import { createNotPlayed } from './not-played.ts'
import { createOpenButtons, type OpenButtons } from './open-buttons.ts'
import { createPermissions, type Privacy } from './permissions.ts'
import { createRequestApi } from './request.ts'
import { createSocketApi } from './socket.ts'
import { webSocketTransport } from './socket-transport.ts'
import { createStorage, type DeviceStorage } from './storage.ts'
import { createSubscribeApi } from './subscribe.ts'
import { createSystemApi, refererVersion } from './system.ts'
import type { Transport } from './transport.ts'
import { TYPED_NAMES } from './typed-names.ts'
import { createUiApi, type TabBar } from './ui.ts'
import { createUserInfoApi } from './user-info.ts'
import type { SocketTransport } from './web-socket.ts'

/** Options of `createDevice`. */
export interface DeviceOptions {
  link: WechatLink
  appid: string
  /** Who is signed in to WeChat on this phone. Default `alice`. */
  user?: string
  /** What the ledger calls the phone. Default `phone`. */
  name?: string
  /** Default: a running clock of its own. */
  clock?: Clock
  /** Default: the link's, where it has one. */
  ledger?: Ledger
  faults?: Faults
  /** Default: real HTTP. A test may answer by hand instead. */
  send?: Transport
  /** Default: real WebSockets. */
  connect?: SocketTransport
  /** The phone's DNS: where a request really goes. Default: where it says. */
  resolve?: (url: URL) => URL
  /** Default `develop`. */
  envVersion?: 'develop' | 'trial' | 'release'
  /** Keeps the bodies of requests and answers in the ledger, secrets as aliases. Default false. */
  bodies?: boolean
  /** How the app is opened unless a launch says otherwise. Default 1001, the list of recent mini-programs. */
  scene?: number
  /** What `wx.getExtConfigSync` answers: the `ext` of a mini-program made from a template. Default `{}`. */
  extConfig?: object
}

/** The `wx` object of a device: what is emulated of it. */
export type Wx = ReturnType<typeof createWx>['wx']

/** One phone with one mini-program installed. What it stored survives a restart of the app. */
export interface Device {
  /**
   * The object a mini-program knows as `wx`. Its types say what it does; code that wants the official typings, which
   * promise more than phones keep, casts: `device.wx as unknown as WechatMiniprogram.Wx`.
   */
  readonly wx: Wx
  readonly name: string
  readonly appid: string
  readonly user: string
  readonly clock: Clock
  readonly ledger: Ledger
  readonly faults: Faults
  readonly lifecycle: Lifecycle
  readonly network: Network
  /** The storage of the running launch: single-page mode has its own. */
  readonly storage: DeviceStorage
  readonly files: DeviceFiles
  /** The thread the app's code runs on. */
  readonly thread: AppThread
  /** What the user answers when asked. */
  readonly choices: UserChoices
  /** What the tester answers to calls that are not played. */
  readonly answers: Answers
  readonly privacy: Privacy
  readonly update: AppUpdate
  readonly tabBar: TabBar
  readonly canvases: Canvases
  /** For a host: what the app's `<button open-type="…">` do. */
  readonly buttons: OpenButtons
  /** Adds an entry to the ledger under the phone's name. */
  record(event: string, detail?: LedgerDetail): void
  /** Tells of what the app's code threw or left rejected; returns what ends that. */
  onError(listener: (error: Error) => void): () => void
  /** For a host: an error of app code that ran outside the thread. */
  reportError(error: unknown): void
  /** For a host: a promise of the app's that nobody handled. */
  reportRejection(reason: unknown, promise: Promise<unknown>): void
  /** Lets time pass on the phone, and records it. */
  advance(ms: number): void
  /** Resolves when no call of `wx` is in flight and no callback waits to run. Timers of the app do not count. */
  idle(): Promise<void>
}

/** A new phone: empty storage, online, the app not launched yet. */
export function createDevice(options: DeviceOptions): Device {
  const {
    link,
    appid,
    user = 'alice',
    name = 'phone',
    clock = createClock(),
    ledger = link.ledger ?? createLedger(),
  } = options
  const faults = options.faults ?? createFaults({ points: DEVICE_FAULT_POINTS, ledger })
  const record = (event: string, detail: LedgerDetail = {}) =>
    void ledger.add({ side: 'device', device: name, event, ...detail })
  const begin = (event: string, detail: LedgerDetail = {}) =>
    ledger.begin({ side: 'device', device: name, event, ...detail })

  const errors = createAppErrors({ ledger, record })
  const thread = createAppThread(errors.report)
  const parts = createWx({ options, base: { link, appid, user, clock, ledger, faults, thread, record, begin }, errors })

  return {
    wx: parts.wx,
    name,
    appid,
    user,
    clock,
    ledger,
    faults,
    lifecycle: parts.lifecycle,
    network: parts.network,
    get storage() {
      return parts.storage()
    },
    files: parts.files,
    thread,
    choices: parts.choices,
    answers: parts.answers,
    privacy: parts.privacy,
    update: parts.update,
    tabBar: parts.tabBar,
    canvases: parts.canvases,
    buttons: parts.buttons,
    record,
    onError: errors.onError,
    reportError: errors.report,
    reportRejection: errors.reportRejection,
    advance(ms) {
      clock.advance(ms)
      ledger.add({ side: 'control', event: 'clock.advance', clock: name, ms })
    },
    idle: thread.idle,
  }
}

interface WxDeps {
  options: DeviceOptions
  base: Pick<DeviceContext, 'link' | 'appid' | 'user' | 'clock' | 'ledger' | 'faults' | 'thread' | 'record' | 'begin'>
  errors: ReturnType<typeof createAppErrors>
}

function createWx({ options, base, errors }: WxDeps) {
  const {
    send = httpTransport,
    connect = webSocketTransport,
    resolve = (url: URL) => url,
    envVersion = 'develop',
    bodies = false,
    scene: defaultScene = 1001,
    extConfig = {},
  } = options
  const { network, api: networkApi, clear: clearNetworkListeners } = createNetwork(base.thread)
  const {
    lifecycle,
    api: lifecycleApi,
    scene,
  } = createLifecycle({
    context: base,
    defaultScene,
    onSuspend() {
      requests.interrupt()
      sockets.interrupt()
    },
    onRestart() {
      requests.interrupt()
      sockets.interrupt()
      sockets.clear()
      caches.clear()
      clearNetworkListeners()
      errors.clear()
      base.thread.restart()
    },
  })
  const context: DeviceContext = { ...base, network, envVersion, scene }
  const files = createFiles()
  const requests = createRequestApi({ context, files, send, resolve, bodies, version: refererVersion(context) })
  const sockets = createSocketApi({ context, connect, resolve })
  const ordinary = createStorage(context)
  const singlePage = createStorage(context)
  const storage = () => (scene() === SINGLE_PAGE_SCENE ? singlePage : ordinary)
  const choices = createChoices()
  const { api: permissionApi, privacy, check } = createPermissions(context, choices)
  const { api: uiApi, tabBar } = createUiApi(context, { choices, check })
  const { api: serviceApi, update } = createAppServices(context, extConfig)
  const { api: canvasApi, canvases } = createCanvases(context, files)
  const caches = createCacheManagers(context)
  const buttons = createOpenButtons({ context, choices, files, privacy, check })

  const played = {
    ...createLoginApi(context, caches.answersLogin),
    ...createUserInfoApi(context),
    ...requests.api,
    ...sockets.api,
    ...forwarded(() => storage().api, ordinary.api),
    ...networkApi,
    ...lifecycleApi,
    ...errors.api,
    ...createSystemApi(context),
    ...uiApi,
    ...permissionApi,
    ...serviceApi,
    ...caches.api,
    ...canvasApi,
    ...createMediaApi(context, { files, choices, check }),
    getFileSystemManager: createFileSystem(context, files),
    createAnimation,
    ...createSubscribeApi(context, choices),
    /** Knows what is played, and components, by name; of their parameters and attributes it assumes the best. */
    canIUse(schema: string): boolean {
      const [name = ''] = schema.split('.')
      return name in played || answers.has(name) || COMPONENTS.has(name)
    },
  }
  const unplayed = TYPED_NAMES.callbacks.filter((name) => !(name in played))
  const answers = createAnswers(new Set(unplayed))
  const wx = Object.assign(createNotPlayed({ context, answers, check }) as object, played)

  const tester = { choices, answers, privacy, update, tabBar, canvases }
  return { wx, lifecycle, network, ...tester, buttons, files, storage: () => storage().storage }
}

const COMPONENTS = new Set(
  (
    'block button checkbox checkbox-group cover-view form icon image input label navigator page-meta picker ' +
    'picker-view progress radio radio-group rich-text scroll-view slider swiper swiper-item switch text textarea view'
  ).split(' '),
)

/** The functions of `shape`, each looked up at the call. */
function forwarded<Api extends Record<string, (...args: never[]) => unknown>>(current: () => Api, shape: Api): Api {
  const names = Object.keys(shape) as (keyof Api)[]
  const entries = names.map((name) => [name, (...args: never[]) => current()[name]?.(...args)])
  return Object.fromEntries(entries)
}

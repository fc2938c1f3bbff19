import { type DeviceContext, SINGLE_PAGE_SCENE } from './context.ts'
import { createListeners } from './listeners.ts'

/** How the app was opened, as `App.onLaunch`, `App.onShow` and `wx.getLaunchOptionsSync` tell it. */
export interface LaunchOptions {
  path: string
  query: Record<string, string>
  scene: number
  referrerInfo: Record<string, unknown>
  apiCategory: 'default' | 'browseOnly'
}

/** What happens to the app on the phone; driven by a host or a test. */
export interface Lifecycle {
  /** A cold start: nothing of an earlier run comes back, storage stays. Answers what `App.onLaunch` gets. */
  launch(options?: Partial<LaunchOptions>): LaunchOptions
  /** The app comes to the foreground; what waited while it was suspended is delivered then. */
  show(options?: Partial<LaunchOptions>): LaunchOptions
  /** The app goes to the background; five seconds later it is suspended. */
  hide(): void
  readonly state: 'foreground' | 'background' | 'suspended'
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/framework/runtime/operating-mechanism.html */
const SUSPEND_AFTER_MS = 5_000

export interface LifecycleDeps {
  context: Pick<DeviceContext, 'clock' | 'thread' | 'record'>
  defaultScene: number
  /** The app's process ended: forget what it had under way. */
  onRestart: () => void
  /** The app is suspended: its unfinished requests are interrupted. */
  onSuspend: () => void
}

export function createLifecycle({ context, defaultScene, onRestart, onSuspend }: LifecycleDeps) {
  const { clock, thread, record } = context
  const shown = createListeners<LaunchOptions>(thread)
  const hidden = createListeners<void>(thread)
  let launched = launchOptions({}, defaultScene)
  let entered = launched
  let background: { timer: number } | null = null

  function enterForeground(): void {
    if (background) clock.clearTimeout(background.timer)
    background = null
  }

  const lifecycle: Lifecycle = {
    get state() {
      if (thread.suspended) return 'suspended'
      return background ? 'background' : 'foreground'
    },
    launch(options = {}) {
      enterForeground()
      shown.clear()
      hidden.clear()
      onRestart()
      launched = launchOptions(options, defaultScene)
      entered = launched
      record('app.launch', { path: launched.path, scene: launched.scene })
      return launched
    },
    show(options) {
      if (options) entered = launchOptions({ ...entered, ...options }, defaultScene)
      enterForeground()
      record('app.show', { scene: entered.scene })
      shown.emit(entered)
      thread.resume()
      return entered
    },
    hide() {
      if (background) return
      record('app.hide')
      hidden.emit()
      const timer = clock.setTimeout(() => {
        record('app.suspend')
        thread.suspend()
        onSuspend()
      }, SUSPEND_AFTER_MS)
      background = { timer }
    },
  }

  const api = {
    getLaunchOptionsSync: () => ({ ...launched }),
    getEnterOptionsSync: () => ({ ...entered }),
    getApiCategory: () => entered.apiCategory,
    onAppShow: shown.on,
    offAppShow: shown.off,
    onAppHide: hidden.on,
    offAppHide: hidden.off,
  }

  return { lifecycle, api, scene: () => entered.scene }
}

function launchOptions(options: Partial<LaunchOptions>, defaultScene: number): LaunchOptions {
  const scene = options.scene ?? defaultScene
  return {
    path: options.path ?? '',
    query: options.query ?? {},
    scene,
    referrerInfo: options.referrerInfo ?? {},
    apiCategory: scene === SINGLE_PAGE_SCENE ? 'browseOnly' : 'default',
  }
}

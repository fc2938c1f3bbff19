import type { Device } from '../wx/device.ts'
import type { AppPackage } from './app-package.ts'
import { createBuiltinElements } from './builtin-elements.ts'
import { createAppComponents } from './component-space.ts'
import { createDomBackend, type DomDocument } from './dom-backend.ts'
import { createModuleLoader } from './module-loader.ts'
import { createNavigationApi } from './navigation-api.ts'
import { createPageStack } from './page-stack.ts'
import { joinUrl, type Query, resolvePath, splitUrl } from './paths.ts'
import type { Realm } from './realm.ts'
import { createRunningApp, type RunningApp } from './running-app.ts'
import { createAppTimers } from './timers.ts'

/** Where the app's `console` leads. */
export type AppConsole = Pick<Console, 'log' | 'info' | 'warn' | 'error' | 'debug'>

export interface RunAppOptions {
  app: AppPackage
  /** The result of `compileTemplates`. */
  templates: string
  realm: Realm
  document: DomDocument
  device: Device
  console: AppConsole
  /** The page to open, with a query if need be: `pages/a/a?id=1`. Default: the app's entry page. */
  path?: string
  query?: Query
  /** Called whenever another page is the visible one: what a host draws around it (title, arrow, tabs) may change. */
  onPageShown?: (page: { path: string; depth: number }) => void
  onClose?: () => void
}

/** What `App()` was given: the object that `getApp()` answers. */
type AppInstance = Record<string, unknown>

/**
 * Starts a mini-program as WeChat does: `app.js`, `onLaunch` (never awaited), `onShow`, the scripts of its pages and
 * components, then the first page.
 */
export async function runApp(options: RunAppOptions): Promise<RunningApp> {
  const { app, templates, realm, document, device, onClose } = options
  const { thread, lifecycle } = device
  const target = splitUrl(options.path ?? app.entryPage)
  const path = resolvePath('', target.path)
  const query = { ...target.query, ...options.query }
  const launched = lifecycle.launch({ path, query })

  const errors: Error[] = []
  const stopListening = device.onError((error) => {
    errors.push(error)
    options.console.error(device.ledger.redact(error.stack ?? error.message))
  })
  const stopWatching = watchFramework()

  const components = createAppComponents(app, templates, realm, thread)
  const dom = createDomBackend(document, thread.post)
  const pages = createPageStack({
    app,
    codeSpace: components.codeSpace,
    backend: components.env.associateBackend(dom.context),
    screen: dom.root,
    createElement: (tagName) => document.createElement(tagName),
    thread,
    onOpen: (page) => device.record('page.open', { path: page.path }),
    onShown: (page) => options.onPageShown?.({ path: page.path, depth: pages.pages().length }),
  })
  const wx: Record<string, unknown> = {
    ...ofRealm(device.wx),
    ...ofRealm(createNavigationApi(pages, thread)),
    canIUse: (schema: string) => (schema.split('.')[0] ?? '') in wx || device.wx.canIUse(schema),
  }
  const elements = createBuiltinElements({
    glassEasel: realm.adapter.glassEasel,
    backend: dom,
    formField: components.formField,
    navigate(api, to) {
      const fail = ({ errMsg }: { errMsg: string }) => options.console.warn(errMsg)
      ;(wx[api] as (options: object) => void)({ ...to, fail })
    },
    chooseAvatar: () => `wxfile://tmp_avatar_${device.clock.now()}.jpeg`,
  })
  const timers = createAppTimers(device.clock, thread)

  let instance: AppInstance | undefined
  function callApp(method: string, argument: unknown): void {
    const handler = instance?.[method]
    if (typeof handler === 'function') thread.run(() => handler.call(instance, argument))
  }

  function App(definition: AppInstance): void {
    if (instance) throw new Error('App() may be called only once')
    instance = definition
    device.wx.onError((message) => callApp('onError', message))
    device.wx.onUnhandledRejection((rejection) => callApp('onUnhandledRejection', rejection))
  }

  realm.defineGlobals({
    App,
    getApp: () => instance,
    getCurrentPages: () => pages.pages().map((page) => page.instance),
    ...components.globals,
    ...timers.globals,
    wx,
    console: { ...options.console },
  })

  const loadModule = createModuleLoader(app.files, realm)

  function start(): void {
    thread.run(() => loadModule('app'))
    callApp('onLaunch', launched)
    callApp('onShow', lifecycle.show())
    for (const component of app.components.keys()) {
      thread.run(() => {
        components.define(component, () => loadModule(component))
        if (components.isDefined(component)) return
        throw new Error(`${component}.js has registered nothing: it must call Page() or Component()`)
      })
    }
    thread.run(() => openFirstPage())
  }

  function openFirstPage(): void {
    if (app.pages.includes(path)) pages.reLaunch(`/${joinUrl(path, query)}`)
    else if (typeof instance?.onPageNotFound !== 'function') throw new Error(`page "${path}" is not found`)
    else callApp('onPageNotFound', { path, query, isEntryPage: true })
  }

  /** What throws where the framework calls the app is the app's error as well. */
  function watchFramework(): () => void {
    const { glassEasel } = realm.adapter
    const onError = (error: unknown) => {
      device.reportError(error)
      return false
    }
    const onWarning = (message: string) => {
      options.console.warn(message)
      return false
    }
    glassEasel.addGlobalErrorListener(onError)
    glassEasel.addGlobalWarningListener(onWarning)
    return () => {
      glassEasel.removeGlobalErrorListener(onError)
      glassEasel.removeGlobalWarningListener(onWarning)
    }
  }

  /** Promises that `wx` answers with are the app's own kind, so that `instanceof` and unhandled rejections work. */
  function ofRealm(api: object): Record<string, unknown> {
    const wrap = (value: unknown) =>
      typeof value !== 'function'
        ? value
        : (...args: unknown[]) => {
            const answer: unknown = value.apply(api, args)
            if (!(answer instanceof Promise)) return answer
            return new realm.Promise((resolve, reject) => answer.then(resolve, reject))
          }
    return Object.fromEntries(Object.entries(api).map(([name, value]) => [name, wrap(value)]))
  }

  function close(): void {
    pages.closeAll()
    timers.clearAll()
    // Nothing comes back to an app that is gone.
    thread.restart()
    stopWatching()
    stopListening()
    onClose?.()
  }

  await new Promise<void>((resolve) => {
    thread.post(() => {
      start()
      resolve()
    })
  })
  return createRunningApp({
    device,
    pages,
    elements,
    timers,
    glassEasel: realm.adapter.glassEasel,
    errors,
    callApp,
    loadModule,
    close,
  })
}

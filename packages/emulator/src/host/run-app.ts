import type { Device } from '../wx/device.ts'
import { createCloud } from '../wx/not-played.ts'
import { type AppPackage, isolationOf } from './app-package.ts'
import { createAppScripts } from './app-scripts.ts'
import { createBuiltinElements } from './builtin-elements.ts'
import { createAppComponents, type TemplateSource } from './component-space.ts'
import { createDomBackend, type DomDocument } from './dom-backend.ts'
import { createModuleLoader } from './module-loader.ts'
import { createNavigationApi } from './navigation-api.ts'
import { createPageStack } from './page-stack.ts'
import { joinUrl, type Query, resolvePath, splitUrl } from './paths.ts'
import { contextOf, createQueries } from './queries.ts'
import type { Realm } from './realm.ts'
import { createRunningApp, type RunningApp } from './running-app.ts'
import { createAppTimers } from './timers.ts'

/** Where the app's `console` leads. */
export type AppConsole = Pick<Console, 'log' | 'info' | 'warn' | 'error' | 'debug'>

export interface RunAppOptions {
  app: AppPackage
  templates: TemplateSource
  realm: Realm
  /** Whether files are put into strict mode. Default true. */
  strict?: boolean
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

/** A part of a WXML file that cannot be read; the message begins with the file and the line. */
class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

/** What is assigned to one of these is not taken. */
const KEEP_NAMES = `
  for (const name of ['App', 'Page', 'Component', 'Behavior', 'getApp', 'getCurrentPages']) {
    const value = globalThis[name]
    Object.defineProperty(globalThis, name, { get: () => value, set() {}, configurable: true, enumerable: true })
  }`

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
  const warnings = new Set<string>()
  const warn = (message: string) => {
    if (warnings.has(message)) return
    warnings.add(message)
    options.console.warn(message)
  }
  for (const message of app.warnings) warn(message)
  const stopWatching = watchFramework()

  const modules = createModuleLoader({
    files: app.files,
    realm,
    strict: options.strict ?? true,
    beforeAsync: (module) => scripts.loadPackage(module),
    isolationOf: (module) => isolationOf(app, module),
    requirePlugin(name) {
      warn(`requirePlugin("${name}"): plugins cannot be run here, it exports nothing`)
      return {}
    },
  })

  const timers = createAppTimers(device.clock, thread)
  const components = createAppComponents({
    app,
    templates,
    realm,
    thread,
    timers,
    // Later: the placeholder is shown until then.
    onPlaceholder: (path) => thread.post(() => scripts.ready(path)),
    currentModule: () => modules.current(),
    tabBarOf: (root) => pages.tabBarOf(root),
    problems: {
      onWarning: warn,
      onError: (message) => device.reportError(new TemplateError(message)),
      onScriptError: (error) => device.reportError(error),
    },
  })
  const scripts = createAppScripts({ app, realm, thread, components, modules, onError: device.reportError })
  const dom = createDomBackend({
    document,
    afterRender: thread.post,
    contextOf: (element) => contextOf(element, device.canvases.node),
  })
  const pages = createPageStack({
    app,
    codeSpace: components.codeSpace,
    backend: components.env.associateBackend(dom.context),
    screen: dom.root,
    createElement: (tagName) => document.createElement(tagName),
    thread,
    beforeOpen(page) {
      if (isolationOf(app, page) === '') startMain()
      scripts.ready(page)
    },
    onOpen: (page) => device.record('page.open', { path: page.path }),
    onShown: (page) => options.onPageShown?.({ path: page.path, depth: pages.pages().length }),
  })
  const hosted: Record<string, unknown> = {
    ...ofRealm(createNavigationApi(pages, thread)),
    ...createQueries({ adapter: realm.adapter, thread, currentPage: () => pages.current()?.instance ?? null }),
  }
  const wx: Record<string, unknown> = {
    ...ofRealm(device.wx),
    ...hosted,
    cloud: createCloud(device, realm.Promise),
    canIUse: (schema: string) => (schema.split('.')[0] ?? '') in hosted || device.wx.canIUse(schema),
  }
  const elements = createBuiltinElements({
    glassEasel: realm.adapter.glassEasel,
    backend: dom,
    formBehaviors: components.formBehaviors,
    navigate(api, to) {
      const fail = ({ errMsg }: { errMsg: string }) => options.console.warn(errMsg)
      ;(wx[api] as (options: object) => void)({ ...to, fail })
    },
    buttons: device.buttons,
  })

  let instance: AppInstance | undefined
  /** What `getApp({ allowDefault: true })` answers while there is no app: the app takes it over. */
  let placeholder: AppInstance | undefined
  function callApp(method: string, argument: unknown): void {
    const handler = instance?.[method]
    if (typeof handler === 'function') thread.run(() => handler.call(instance, argument))
  }

  function App(definition: AppInstance): void {
    // WeChat's page says "unforeseeable"; built programs do it, and run.
    if (instance) {
      warn('App() was called more than once: the first call counts')
      return
    }
    instance = placeholder ? Object.assign(placeholder, definition) : definition
    device.wx.onError((message) => callApp('onError', message))
    device.wx.onUnhandledRejection((rejection) => callApp('onUnhandledRejection', rejection))
  }

  function getApp(how?: { allowDefault?: boolean }): AppInstance | undefined {
    if (instance || !how?.allowDefault) return instance
    placeholder ??= realm.compile('return {}', [], 'app')() as AppInstance
    return placeholder
  }

  realm.defineGlobals({
    App,
    getApp,
    getCurrentPages: () => pages.pages().map((page) => page.instance),
    ...components.globals,
    ...timers.globals,
    wx,
    console: { ...options.console },
    // Libraries look for it where they look for `window`, and the runtime of uni-app keeps its modules in it.
    global: realm.compile('return globalThis', [], 'global')(),
  })
  // A program may call something of its own `global.App`, and App() is still WeChat's.
  realm.compile(KEEP_NAMES, [], 'global')()

  function start(): void {
    if (isolationOf(app, path) === '') startMain(() => lifecycle.show())
    else lifecycle.show()
    thread.run(() => openFirstPage())
  }

  let hasMain = false
  /** The main package: of an app that was opened in an independent sub-package it comes later, or never. */
  function startMain(show: () => unknown = device.wx.getEnterOptionsSync): void {
    if (hasMain) return
    hasMain = true
    thread.run(() => modules.load('app'))
    callApp('onLaunch', launched)
    callApp('onShow', show())
    scripts.loadPackage('')
  }

  function openFirstPage(): void {
    if (app.pages.includes(path)) pages.reLaunch(`/${joinUrl(path, query)}`)
    else if (typeof instance?.onPageNotFound !== 'function') throw new Error(`page "${path}" is not found`)
    else callApp('onPageNotFound', { path, query, isEntryPage: true })
  }

  /** What throws where the framework calls the app is the app's error as well. */
  function watchFramework(): () => void {
    const { glassEasel } = realm.adapter
    const onError = (error: unknown, method?: string, component?: unknown) => {
      // What the framework cannot use of a definition, WeChat remarks and leaves out.
      if (method === '[prepare]') warn(`${component}: ${(error as Error).message}`)
      else device.reportError(error)
      return false
    }
    const onWarning = (message: string) => {
      warn(message)
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
    warnings,
    callApp,
    loadModule: modules.load,
    close,
  })
}

import type { AssociatedBackend, CodeSpace, Root } from 'glass-easel-miniprogram-adapter'
import { WxFailure } from '../wx/api-call.ts'
import type { AppThread } from '../wx/app-thread.ts'
import type { AppPackage } from './app-package.ts'
import type { DomElement } from './dom-backend.ts'
import { createEventChannel, type EventChannel } from './event-channel.ts'
import { folderOf, joinUrl, type Query, resolvePath, splitUrl } from './paths.ts'

/** The object a page's code knows as `this`. */
export type PageInstance = Record<string, unknown> & { data: Record<string, unknown> }

export interface OpenPage {
  path: string
  query: Query
  instance: PageInstance
  root: Root
  element: DomElement
  /** The custom tab bar of a tab page. */
  tabBar?: Root | null
}

/** The pages that are open, the visible one last, and the five ways to change that. */
export interface PageStack {
  current(): OpenPage | null
  pages(): readonly OpenPage[]
  /** The custom tab bar of the page whose root this is, or null. */
  tabBarOf(root: ReturnType<Root['getComponent']>): unknown
  navigateTo(url: string, listeners?: Record<string, (...args: unknown[]) => void>): { eventChannel: EventChannel }
  redirectTo(url: string): void
  navigateBack(delta: number): void
  switchTab(url: string): void
  reLaunch(url: string): void
  /** Calls `method` of a page, if it has one; what it throws is the app's error. */
  call(page: OpenPage, method: string, ...args: unknown[]): void
  show(): void
  hide(): void
  closeAll(): void
}

export interface PageStackDeps {
  app: AppPackage
  codeSpace: CodeSpace
  backend: AssociatedBackend
  screen: DomElement
  createElement: (tagName: string) => DomElement
  thread: AppThread
  /** Makes everything ready that the page at `path` may show. */
  beforeOpen: (path: string) => void
  onOpen: (page: OpenPage) => void
  /** It is the visible one now: just opened, or uncovered. */
  onShown: (page: OpenPage) => void
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/api/route/wx.navigateTo.html */
const DEEPEST_STACK = 10

export function createPageStack({
  createElement,
  app,
  codeSpace,
  backend,
  screen,
  thread,
  beforeOpen,
  onOpen,
  onShown,
}: PageStackDeps): PageStack {
  let stack: OpenPage[] = []
  let opened = 0
  /** Tab pages stay alive while another tab is shown. */
  const tabs = new Map<string, OpenPage>()

  const current = () => stack.at(-1) ?? null

  function call(page: OpenPage, method: string, ...args: unknown[]): void {
    const handler = page.instance[method]
    if (typeof handler === 'function') thread.run(() => handler.apply(page.instance, args))
  }

  function find(url: string): { path: string; query: Query } {
    const { path: reference, query } = splitUrl(url)
    if (reference.includes('://')) throw new WxFailure(`page "${reference}" is not found: plugins cannot be run here`)
    const path = resolvePath(folderOf(current()?.path ?? ''), reference).replace(/\.html$/, '')
    if (!app.pages.includes(path)) throw new WxFailure(`page "${path}" is not found`)
    return { path, query }
  }

  function open({ path, query }: { path: string; query: Query }, opener?: EventChannel): void {
    beforeOpen(path)
    if (app.customTabBar !== null && app.tabPages.has(path)) beforeOpen(app.customTabBar)
    // With the query: a page made by Component() gets it as properties too.
    const root = backend.createRoot('page', codeSpace, joinUrl(path, query))
    const instance = root.get() as unknown as PageInstance
    Object.assign(instance, { route: path, __route__: path, options: query, __wxWebviewId__: ++opened })
    instance.getOpenerEventChannel = () => opener ?? createEventChannel()
    const place = createElement('page')
    screen.append(place)
    const element = root.getComponent().getBackendElement() as unknown as DomElement
    const page: OpenPage = { path, query, instance, root, element }
    // Before it is attached: `getCurrentPages()` names the page in its components' own `attached` already.
    stack.push(page)
    if (app.tabPages.has(path)) {
      tabs.set(path, page)
      page.tabBar = openTabBar()
    }
    type Parent = Parameters<Root['attach']>[0]
    root.attach(screen as unknown as Parent, place as unknown as Parent)
    onOpen(page)
    call(page, 'onLoad', query)
    appear(page)
    thread.post(() => call(page, 'onReady'))
  }

  /** Every tab page has a tab bar of its own, which `getTabBar()` answers on it and in its components. */
  function openTabBar(): Root | null {
    if (app.customTabBar === null) return null
    const root = backend.createRoot('custom-tab-bar', codeSpace, app.customTabBar)
    const place = createElement('custom-tab-bar')
    screen.append(place)
    type Parent = Parameters<Root['attach']>[0]
    root.attach(screen as unknown as Parent, place as unknown as Parent)
    return root
  }

  function appear(page: OpenPage): void {
    page.element.removeAttribute('hidden')
    onShown(page)
    page.root.getComponent().triggerPageLifetime('show', [])
    call(page, 'onShow')
  }

  function disappear(page: OpenPage): void {
    page.root.getComponent().triggerPageLifetime('hide', [])
    call(page, 'onHide')
    page.element.setAttribute('hidden', '')
  }

  function close(page: OpenPage): void {
    tabs.delete(page.path)
    call(page, 'onUnload')
    page.tabBar?.release()
    page.root.release()
    page.element.remove()
  }

  function closeFrom(index: number): void {
    for (const page of stack.splice(index).reverse()) close(page)
  }

  function refuseTabPage(api: string, path: string): void {
    if (app.tabPages.has(path)) throw new WxFailure(`can not ${api} a tabbar page`)
  }

  function closeAll(): void {
    const hiddenTabs = [...tabs.values()].filter((page) => !stack.includes(page))
    closeFrom(0)
    for (const page of hiddenTabs) close(page)
  }

  return {
    current,
    pages: () => stack,
    tabBarOf: (root) =>
      [...stack, ...tabs.values()].find((page) => page.root.getComponent() === root)?.tabBar?.get() ?? null,
    call,
    closeAll,
    navigateTo(url, listeners) {
      const target = find(url)
      refuseTabPage('navigateTo', target.path)
      if (stack.length >= DEEPEST_STACK) throw new WxFailure('webview count limit exceed')
      const covered = current()
      if (covered) disappear(covered)
      const eventChannel = createEventChannel(listeners)
      open(target, eventChannel)
      return { eventChannel }
    },
    redirectTo(url) {
      const target = find(url)
      refuseTabPage('redirectTo', target.path)
      closeFrom(stack.length - 1)
      open(target)
    },
    navigateBack(delta) {
      if (stack.length < 2) throw new WxFailure('cannot navigate back at first page.')
      closeFrom(Math.max(stack.length - Math.max(delta, 1), 1))
      const uncovered = current()
      if (uncovered) appear(uncovered)
    },
    switchTab(url) {
      const target = find(url)
      if (!app.tabPages.has(target.path)) throw new WxFailure('can not switch to no-tabBar page')
      const shown = current()
      const known = tabs.get(target.path)
      if (shown && shown === known) return
      closeFrom(app.tabPages.has(stack[0]?.path ?? '') ? 1 : 0)
      if (shown && shown === current()) disappear(shown)
      stack = known ? [known] : []
      if (known) appear(known)
      // A tab page gets no query: https://developers.weixin.qq.com/miniprogram/dev/api/route/wx.switchTab.html
      else open({ path: target.path, query: {} })
    },
    reLaunch(url) {
      const target = find(url)
      closeAll()
      open(target)
    },
    show() {
      const page = current()
      if (page) appear(page)
    },
    hide() {
      const page = current()
      if (page) disappear(page)
    },
  }
}

import type { glassEasel } from 'glass-easel-miniprogram-adapter'
import type { Device } from '../wx/device.ts'
import type { BuiltinElements } from './builtin-elements.ts'
import { type DomElement, elementOf, type Node } from './dom-backend.ts'
import type { ModuleLoader } from './module-loader.ts'
import type { OpenPage, PageInstance, PageStack } from './page-stack.ts'
import type { Query } from './paths.ts'
import { snapshotOf } from './snapshot.ts'
import type { AppTimers } from './timers.ts'

/** The page the user sees. */
export interface RunningPage {
  route: string
  /** What the page was opened with, as `onLoad` got it. */
  query: Query
  data: Record<string, unknown>
  /** The page's `this`, with its methods. */
  instance: PageInstance
}

/** What the user touches: a selector on the current page, or an element of the document that a browser drew it into. */
export type Target = string | DomElement

/**
 * A mini-program that runs, and the finger that uses it.
 *
 * Selectors are WeChat's: `#id`, `.class`, descendants, `>`, and `>>>` into components. What takes a selector throws
 * when nothing matches. An action resolves when the app's handlers have returned; `settled()` waits for what they began.
 */
export interface RunningApp {
  /** @throws Error when no page is open: the app's own script may have failed */
  page(): RunningPage
  hasPage(): boolean
  tap(target: Target): Promise<void>
  /** Enters a text, switches a `switch` (boolean), or chooses in a `picker`, `radio-group` or `checkbox-group`. */
  input(target: Target, value: unknown): Promise<void>
  /** Submits the form that `target` is, or is in. */
  submit(target: Target): Promise<void>
  text(selector: string): string
  exists(selector: string): boolean
  pullDownRefresh(): Promise<void>
  /** Opens the page of a tab, as a tap on the tab bar does: no mini-program draws that bar itself. */
  switchTab(path: string): Promise<void>
  /** Leaves the current page, as a tap on the arrow in the navigation bar does. */
  navigateBack(): Promise<void>
  /**
   * What a file of the app exports, as `require` in the app's own code answers it: `app.module('auth')`.
   *
   * @param path from the root of the app, without `.js`
   */
  module(path: string): unknown
  /** The user leaves for another app. */
  hide(): Promise<void>
  /** The user comes back. */
  show(): Promise<void>
  /** Resolves when no call of `wx` is in flight, nothing waits to be shown, and no `setTimeout` is due within a second. */
  settled(): Promise<void>
  /**
   * Resolves when a selector matches or a predicate holds.
   *
   * @throws Error after `timeoutMs` (default 5000), with the page's HTML in the message
   */
  waitFor(condition: string | (() => boolean), options?: { timeoutMs?: number }): Promise<void>
  /** What the current page shows, as HTML. */
  html(): string
  /** What the current page shows as plain lines, for a snapshot of a test: `expect(app.snapshot()).toMatchSnapshot()`. */
  snapshot(): string
  /** What `App.onError` and `App.onUnhandledRejection` got. */
  readonly errors: readonly Error[]
  /** What WeChat would only remark, one line each with the file: something missing, or that the framework cannot use. */
  readonly warnings: readonly string[]
  close(): Promise<void>
}

export interface RunningAppDeps {
  device: Device
  pages: PageStack
  elements: BuiltinElements
  timers: AppTimers
  glassEasel: typeof glassEasel
  errors: readonly Error[]
  warnings: ReadonlySet<string>
  callApp: (method: string, argument: unknown) => void
  loadModule: ModuleLoader['load']
  close: () => void
}

/** Retries and short delays belong to what an app is doing; polls and deadlines do not. */
const SOON_MS = 1_000
const LOOK_AGAIN_MS = 5

export function createRunningApp(deps: RunningAppDeps): RunningApp {
  const { device, pages, elements, timers, glassEasel, errors, warnings, callApp, loadModule } = deps
  const { thread, lifecycle, clock } = device

  function current(): OpenPage {
    const page = pages.current()
    if (!page) throw new Error('no page is open')
    return page
  }

  function find(selector: string): Node | null {
    const parsed = new glassEasel.ParsedSelector(selector)
    if (parsed.isEmpty()) throw new TypeError(`"${selector}" is no selector: use #id, .class, descendants, > and >>>`)
    return current().root.getComponent().getShadowRoot()?.querySelector(parsed) ?? null
  }

  function get(target: Target): Node {
    const node = typeof target === 'string' ? find(target) : nodeAround(target)
    if (!node) throw new Error(`nothing matches "${describe(target)}" on ${current().path}:\n${html()}`)
    return node
  }

  // The framework makes ids unique in the document; a tester knows them as they were written.
  const html = () => current().element.innerHTML.replace(/( id=")[^"]*--/g, '$1')

  /** Does on the app's thread what the user does. */
  function act(event: string, target: Target | null, action: () => void): Promise<void> {
    if (lifecycle.state !== 'foreground') throw new Error(`${event}: the app is in the background, show() it first`)
    return new Promise((resolve, reject) => {
      thread.post(() => {
        try {
          device.record(event, { path: current().path, ...(target !== null && { selector: describe(target) }) })
          action()
          resolve()
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  async function settled(): Promise<void> {
    for (;;) {
      await thread.idle()
      if (!timers.dueWithin(SOON_MS)) return
      const beforeMs = clock.now()
      await delay(LOOK_AGAIN_MS)
      // On a clock that stands still nothing comes due by waiting.
      if (clock.now() === beforeMs && thread.pending() === 0) return
    }
  }

  return {
    page() {
      const { path, query, instance } = current()
      return { route: path, query, instance, data: instance.data }
    },
    hasPage: () => pages.current() !== null,
    tap: async (target) => act('ui.tap', target, () => elements.tap(get(target))),
    input: async (target, value) => act('ui.input', target, () => elements.enter(get(target), value)),
    submit: async (target) => act('ui.submit', target, () => elements.submit(get(target))),
    switchTab: async (path) => act('ui.tap', `tab ${path}`, () => pages.switchTab(`/${path}`)),
    navigateBack: async () => act('ui.tap', 'back', () => pages.navigateBack(1)),
    module: (path) => loadModule(path),
    pullDownRefresh: async () => act('ui.pullDownRefresh', null, () => pages.call(current(), 'onPullDownRefresh')),
    text: (selector) => (elementOf(get(selector)).textContent ?? '').trim(),
    exists: (selector) => find(selector) !== null,
    async hide() {
      pages.hide()
      callApp('onHide', undefined)
      lifecycle.hide()
    },
    async show() {
      callApp('onShow', lifecycle.show())
      pages.show()
    },
    settled,
    async waitFor(condition, { timeoutMs = 5_000 } = {}) {
      const holds = typeof condition === 'string' ? () => find(condition) !== null : condition
      const deadlineMs = performance.now() + timeoutMs
      while (!holds()) {
        if (performance.now() > deadlineMs) {
          const what = typeof condition === 'string' ? `"${condition}"` : 'the condition'
          throw new Error(`waited ${timeoutMs} ms for ${what} on ${current().path}, which shows:\n${html()}`)
        }
        await delay(LOOK_AGAIN_MS)
      }
    },
    html,
    snapshot: () => snapshotOf(current().element),
    errors,
    get warnings() {
      return [...warnings]
    },
    async close() {
      deps.close()
    },
  }
}

/** The framework's node that an element belongs to: a browser reports touches of what lies inside it. */
function nodeAround(element: DomElement): Node | null {
  for (let at: DomElement | null = element; at; at = at.parentElement) if (at.__wxElement) return at.__wxElement
  return null
}

/** For the ledger: the selector, or the nearest id as the app wrote it. */
function describe(target: Target): string {
  if (typeof target === 'string') return target
  for (let at: DomElement | null = target; at; at = at.parentElement) {
    const id = at.__wxElement?.id
    if (id) return `#${id}`
  }
  return (nodeAround(target) as { is?: string } | null)?.is ?? 'an element'
}

// Read once: a test that replaces the global timers must not stop the waiting.
const { setTimeout } = globalThis

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

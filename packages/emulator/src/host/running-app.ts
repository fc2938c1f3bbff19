import type { glassEasel } from 'glass-easel-miniprogram-adapter'
import type { Device } from '../wx/device.ts'
import type { BuiltinElements } from './builtin-elements.ts'
import { elementOf, type Node } from './dom-backend.ts'
import type { OpenPage, PageInstance, PageStack } from './page-stack.ts'
import type { Query } from './paths.ts'
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
  tap(selector: string): Promise<void>
  /** Enters a text, switches a `switch` (boolean), or chooses in a `picker`, `radio-group` or `checkbox-group`. */
  input(selector: string, value: unknown): Promise<void>
  /** Submits the form that `selector` is, or is in. */
  submit(selector: string): Promise<void>
  text(selector: string): string
  exists(selector: string): boolean
  pullDownRefresh(): Promise<void>
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
  /** What the current page shows. */
  html(): string
  /** What `App.onError` and `App.onUnhandledRejection` got. */
  readonly errors: readonly Error[]
  close(): Promise<void>
}

export interface RunningAppDeps {
  device: Device
  pages: PageStack
  elements: BuiltinElements
  timers: AppTimers
  glassEasel: typeof glassEasel
  errors: readonly Error[]
  callApp: (method: string, argument: unknown) => void
  close: () => void
}

/** Retries and short delays belong to what an app is doing; polls and deadlines do not. */
const SOON_MS = 1_000
const LOOK_AGAIN_MS = 5

export function createRunningApp(deps: RunningAppDeps): RunningApp {
  const { device, pages, elements, timers, glassEasel, errors, callApp } = deps
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

  function get(selector: string): Node {
    const node = find(selector)
    if (!node) throw new Error(`nothing matches "${selector}" on ${current().path}:\n${html()}`)
    return node
  }

  // The framework makes ids unique in the document; a tester knows them as they were written.
  const html = () => current().element.innerHTML.replace(/( id=")[^"]*--/g, '$1')

  /** Does on the app's thread what the user does. */
  function act(event: string, selector: string | null, action: () => void): Promise<void> {
    if (lifecycle.state !== 'foreground') throw new Error(`${event}: the app is in the background, show() it first`)
    return new Promise((resolve, reject) => {
      thread.post(() => {
        try {
          device.record(event, { path: current().path, ...(selector !== null && { selector }) })
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
    tap: async (selector) => act('ui.tap', selector, () => elements.tap(get(selector))),
    input: async (selector, value) => act('ui.input', selector, () => elements.enter(get(selector), value)),
    submit: async (selector) => act('ui.submit', selector, () => elements.submit(get(selector))),
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
    errors,
    async close() {
      deps.close()
    },
  }
}

// Read once: a test that replaces the global timers must not stop the waiting.
const { setTimeout } = globalThis

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

import type { glassEasel } from 'glass-easel-miniprogram-adapter'
import type { AppThread } from '../wx/app-thread.ts'
import { elementOf, type Node } from './dom-backend.ts'
import type { Realm } from './realm.ts'
import type { AppTimers } from './timers.ts'

type WxsFunction = (...args: unknown[]) => unknown
/** Where a value of a template comes from: 0 the data, 1 and above a WXS module. */
type ValuePath = readonly [number, ...string[]] | null | undefined
type Component = glassEasel.GeneralComponent

/** What compiled templates and WXS modules call. */
export interface WxsHost {
  /** The key under which a value of the app's world has its type's name: WXS reads it as `constructor`. */
  readonly type: symbol
  /** A module could not be set up. */
  fail(path: string, error: unknown): void
  /** `change:name="{{m.f}}"`: what is called when the value of `name` changes. */
  change(listener: WxsFunction, path: ValuePath): WxsFunction
  /** Calls the handler of an event, the app's or a WXS module's. */
  handle(caller: unknown, event: glassEasel.ShadowedEvent<unknown>, handler: WxsFunction, path: ValuePath): unknown
}

export interface WxsHostDeps {
  realm: Realm
  thread: AppThread
  timers: AppTimers
  onError: (error: Error) => void
}

/**
 * The host of WXS: types by name, and the descriptors of elements that handlers get.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/view/interactive-animation.html
 */
export function createWxsHost({ realm, thread, timers, onError }: WxsHostDeps): WxsHost {
  const { glassEasel } = realm.adapter
  const type = Symbol('the type of a value in WXS')
  const define = realm.compile(NAME_TYPES, ['key'], 'wxs')
  define(type)
  const descriptors = new WeakMap<Node, object>()
  const states = new WeakMap<Node, object>()
  const styles = new WeakMap<Node, Record<string, string>>()

  function find(node: Node, selector: string): Node[] {
    const scope = glassEasel.Component.isComponent(node) ? node.getShadowRoot() : node.ownerShadowRoot
    const inside = scope ? [...scope.querySelectorAll(selector)] : []
    return glassEasel.Component.isComponent(node) ? inside : inside.filter((found) => isWithin(found, node))
  }

  function describe(node: Node): object {
    const known = descriptors.get(node)
    if (known) return known
    const descriptor = {
      selectComponent(selector: string) {
        const [first] = find(node, selector)
        return first ? describe(first) : null
      },
      selectAllComponents: (selector: string) => find(node, selector).map(describe),
      setStyle(style: unknown) {
        const added = typeof style === 'string' ? parseStyle(style) : (style as Record<string, string>)
        const all = { ...styles.get(node), ...added }
        styles.set(node, all)
        const text = Object.entries(all).map(([name, value]) => `${name}:${value}`)
        node.setNodeStyle(text.join(';'), TEMPORARY)
        return descriptor
      },
      addClass(names: string) {
        for (const name of words(names)) node.toggleNodeClass(name, true)
        return descriptor
      },
      removeClass(names: string) {
        for (const name of words(names)) node.toggleNodeClass(name, false)
        return descriptor
      },
      hasClass: (name: string) => node.classList?.contains(name) ?? false,
      getDataset: () => node.dataset,
      getState() {
        const state = states.get(node) ?? {}
        states.set(node, state)
        return state
      },
      callMethod(name: string, argument: unknown) {
        const owner = glassEasel.Component.isComponent(node) ? node : node.ownerShadowRoot?.getHostNode()
        if (!owner) return
        const method = glassEasel.Component.getMethod(owner as Component, name)
        if (method) thread.run(() => method.call((owner as Component).getMethodCaller(), argument))
      },
      triggerEvent: (name: string, detail?: unknown, options: object = {}) =>
        glassEasel.triggerEvent(node, name, detail, options),
      requestAnimationFrame: (callback: () => void) => thread.post(callback),
      setTimeout: timers.globals.setTimeout,
      clearTimeout: timers.globals.clearTimeout,
      // Nothing is drawn, so nothing has a size.
      getBoundingClientRect: () => ({ left: 0, top: 0, right: 0, bottom: 0, width: 0, height: 0 }),
      getComputedStyle: (names: readonly string[] = []) =>
        Object.fromEntries(names.map((name) => [name, styles.get(node)?.[name] ?? ''])),
    }
    descriptors.set(node, descriptor)
    return descriptor
  }

  return {
    type,
    fail(path, error) {
      const reason = error as { name?: string; message?: string }
      onError(new WxsError(`${path}: ${reason?.name ?? 'Error'}: ${reason?.message ?? String(error)}`))
    },
    change: (listener, path) =>
      isWxs(path)
        ? // Later: WeChat calls it when the page shows the change, and it may look at any part of that.
          (value, before, owner, node) =>
            thread.post(() => {
              if (!glassEasel.Element.isAttached(node as Node)) return
              listener(value, before, describe(owner as Node), describe(node as Node))
            })
        : listener,
    handle(caller, event, handler, path) {
      if (!isWxs(path)) return handler.call(caller, event)
      const node = event.currentTarget as unknown as Node
      const owner = node.ownerShadowRoot?.getHostNode() as unknown as Node
      const { type: name, detail, timeStamp } = event
      const target = plainTarget(event.target as unknown as Node)
      const wxsEvent = { type: name, detail, timeStamp, target, currentTarget: plainTarget(node), ...event.extraFields }
      return handler({ ...wxsEvent, instance: describe(node) }, describe(owner))
    },
  }
}

/** A WXS module that cannot be read or set up; the message begins with its file. */
class WxsError extends Error {
  override readonly name = 'WxsError'
}

/** The segment of an element's style that comes last: `StyleSegmentIndex.TEMP_EXTRA`, which the framework does not export. */
const TEMPORARY = 3

const NAME_TYPES = `
  for (const type of [Object, Array, String, Number, Boolean, Function, Date, RegExp]) {
    Object.defineProperty(type.prototype, key, { value: type.name })
  }`

function isWxs(path: ValuePath): boolean {
  return Array.isArray(path) && path[0] !== 0
}

function isWithin(node: Node, ancestor: Node): boolean {
  for (let at = elementOf(node).parentElement; at; at = at.parentElement) {
    if (at.__wxElement === ancestor) return true
  }
  return false
}

function plainTarget(node: Node) {
  return { id: node.id, dataset: node.dataset, offsetLeft: 0, offsetTop: 0 }
}

function parseStyle(text: string): Record<string, string> {
  const pairs = text.split(';').map((declaration) => declaration.split(':', 2).map((part) => part.trim()))
  return Object.fromEntries(pairs.filter(([name, value]) => name && value !== undefined))
}

function words(text: string): string[] {
  return String(text).split(/\s+/).filter(Boolean)
}

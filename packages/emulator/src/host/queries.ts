import type * as Adapter from 'glass-easel-miniprogram-adapter'
import type { AppThread } from '../wx/app-thread.ts'
import type { DomElement, Node } from './dom-backend.ts'

/** As much of a component as a query uses. */
interface Queried {
  _$: { getShadowRoot(): ShadowRoot | null; getBackendContext?: () => unknown }
}

type ShadowRoot = { querySelector(selector: string): Node | null; querySelectorAll(selector: string): Node[] }

type Found = Record<string, unknown>
type Fields = Record<string, unknown> & { node?: boolean; context?: boolean; computedStyle?: string[] }
type Callback = (found: Found | Found[] | null) => void

interface Query {
  _$comp: Queried
  in(component: unknown): Query
  select(selector: string): Nodes
}

interface Nodes {
  fields(fields: Fields, callback?: Callback): Query
  node(callback?: Callback): Query
}

export interface QueriesDeps {
  adapter: typeof Adapter
  thread: AppThread
  /** What a page's code knows as `this`; null while no page is open. */
  currentPage: () => unknown
}

/**
 * `createSelectorQuery` and `createIntersectionObserver`, of `wx` and of every component, where the framework's own stop:
 * they work before the first page is open, `in` takes the objects that uni-app and others pass, `node` and
 * `fields({ node })` give canvases. There is no layout: sizes are 0, and everything on a page counts as seen.
 */
export function createQueries({ adapter, thread, currentPage }: QueriesDeps): Record<string, unknown> {
  const components = adapter.component.ComponentCaller.prototype as unknown as {
    createSelectorQuery(this: Queried): Query
    createIntersectionObserver(this: Queried, options?: ObserverOptions): object
  }
  /** Whatever page is open when the query is run. */
  const latePage: Queried = {
    get _$() {
      return queriedOf(currentPage())?._$ ?? NO_COMPONENT
    },
  }

  const query = Object.getPrototypeOf(components.createSelectorQuery.call(latePage)) as Query
  query.in = function (this: Query, component: unknown) {
    this._$comp = queriedOf(component) ?? this._$comp
    return this
  }

  const nodes = Object.getPrototypeOf(components.createSelectorQuery.call(latePage).select('view')) as Nodes
  const frameworkFields = nodes.fields
  nodes.fields = function (this: Nodes, fields: Fields, callback: Callback = () => {}) {
    const { node = false, context = false, computedStyle = [], ...others } = fields
    return frameworkFields.call(this, { ...others, context: node || context }, (found) => {
      // The framework hands the same objects to `exec` afterwards.
      for (const one of [found].flat()) {
        if (!one) continue
        if (node) one.node = one.context
        if (!context) delete one.context
        for (const name of computedStyle) one[name] = ''
      }
      callback(found)
    })
  }
  nodes.node = function (this: Nodes, callback?: Callback) {
    return this.fields({ node: true }, callback)
  }

  components.createIntersectionObserver = function (this: Queried, options) {
    return createObserver(this, options ?? {})
  }

  function createObserver(component: Queried, { observeAll = false }: ObserverOptions): object {
    let isConnected = true
    const observer = {
      relativeTo: () => observer,
      relativeToViewport: () => observer,
      observe(selector: string, listener: (seen: object) => void): void {
        thread.post(() => {
          const shadowRoot = component._$.getShadowRoot()
          const all = shadowRoot?.querySelectorAll(selector) ?? []
          for (const target of observeAll ? all : all.slice(0, 1)) {
            if (!isConnected || typeof listener !== 'function') continue
            thread.run(() => listener({ ...SEEN, id: target.id, dataset: target.dataset }))
          }
        })
      },
      disconnect() {
        isConnected = false
      },
    }
    return observer
  }

  return {
    createSelectorQuery: () => components.createSelectorQuery.call(latePage),
    createIntersectionObserver: (component: unknown, options?: ObserverOptions) =>
      createObserver(queriedOf(component) ?? latePage, options ?? {}),
  }
}

interface ObserverOptions {
  observeAll?: boolean
}

const NO_COMPONENT: Queried['_$'] = {
  getShadowRoot: () => ({ querySelector: () => null, querySelectorAll: () => [] }),
  getBackendContext: () => null,
}

const RECT = { left: 0, top: 0, right: 0, bottom: 0, width: 0, height: 0 }
const SEEN = { intersectionRatio: 1, intersectionRect: RECT, boundingClientRect: RECT, relativeRect: RECT, time: 0 }

/** A component itself, or what uni-app wraps around one: of Vue 2 `$scope`, of Vue 3 also behind `$`. */
function queriedOf(value: unknown): Queried | null {
  if (typeof value !== 'object' || value === null) return null
  const { _$, $scope, $ } = value as { _$?: unknown; $scope?: unknown; $?: { ctx?: { $scope?: unknown } } }
  if (_$) return value as Queried
  return queriedOf($scope) ?? queriedOf($?.ctx?.$scope)
}

/** What a query's `context` and `node` are of an element: a canvas is one, others have none. */
export function contextOf(element: DomElement, canvasOf: (id: string) => object): object | null {
  const node = element.__wxElement
  if (!node || (node as { is?: string }).is !== 'canvas') return null
  return canvasOf(String(node.getAttribute('canvas-id') ?? node.id))
}

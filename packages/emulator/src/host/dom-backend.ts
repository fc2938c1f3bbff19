import type { glassEasel } from 'glass-easel-miniprogram-adapter'

type Context = glassEasel.domlikeBackend.Context
export type Node = glassEasel.Element

/** As much of the DOM as the host itself touches; a browser's elements are such. */
export interface DomElement {
  readonly parentElement: DomElement | null
  readonly innerHTML: string
  readonly textContent: string | null
  append(child: DomElement): void
  remove(): void
  setAttribute(name: string, value: string): void
  removeAttribute(name: string): void
  querySelectorAll(all: '*'): Iterable<DomElement>
  __wxElement?: Node
}

/** What the backend uses of a document. */
export interface DomDocument {
  readonly body: DomElement
  readonly documentElement: { readonly clientWidth: number; readonly clientHeight: number }
  readonly defaultView: { readonly devicePixelRatio: number } | null
  createElement(tagName: string): DomElement
  createTextNode(text: string): unknown
  createDocumentFragment(): unknown
}

/** The topmost element that shows `node`. */
export function elementOf(node: Node): DomElement {
  const element = node.getBackendElement() as unknown as DomElement | null
  if (!element) throw new Error(`<${(node as { is?: string }).is}> has a virtual host and shows no element of its own`)
  return element
}

/** Renders a mini-program into `document`, a browser's or the one of `createScreen`. */
export interface DomBackend {
  context: Context
  /** Where pages are put. */
  root: DomElement
  /** Tells a `model:` binding of `element` what the user entered. */
  updateModel(element: DomElement, attribute: string, value: unknown): void
}

export interface DomBackendDeps {
  document: DomDocument
  /** Calls back once what was set is on the screen. */
  afterRender: (callback: () => void) => void
  /** What a query's `context` and `node` are of an element. */
  contextOf: (element: DomElement) => object | null
}

export function createDomBackend({ document, afterRender, contextOf }: DomBackendDeps): DomBackend {
  const root = document.body
  const models = new WeakMap<DomElement, Map<string, (value: unknown) => void>>()

  const context: Pick<Context, RequiredOfContext | 'getContext'> = {
    mode: 3 as Context['mode'],
    document: {
      createElement: (tagName: string) => document.createElement(tagName),
      createTextNode: (text: string) => document.createTextNode(text),
      createDocumentFragment: () => document.createDocumentFragment(),
    } as unknown as Context['document'],
    destroy() {},
    getRootNode: () => root as unknown as ReturnType<Context['getRootNode']>,
    getWindowWidth: () => document.documentElement.clientWidth,
    getWindowHeight: () => document.documentElement.clientHeight,
    getDevicePixelRatio: () => document.defaultView?.devicePixelRatio ?? 1,
    getTheme: () => 'light',
    registerStyleSheetContent() {},
    appendStyleSheetPath: () => 0,
    disableStyleSheet() {},
    render: (callback) => afterRender(() => callback(null)),
    associateValue(element, node) {
      element.__wxElement = node
    },
    getContext: (element, answer) => afterRender(() => answer(contextOf(element as unknown as DomElement))),
    // Gestures and input come from the host, which knows what WeChat's own elements make of them.
    onEvent() {},
    setListenerStats() {},
    setModelBindingStat(target, attribute, listener) {
      const element = target as unknown as DomElement
      const bound = models.get(element) ?? new Map()
      models.set(element, bound)
      if (listener) bound.set(attribute, listener)
      else bound.delete(attribute)
    },
  }

  return {
    context: context as Context,
    root,
    updateModel: (element, attribute, value) => models.get(element)?.get(attribute)?.(value),
  }
}

type RequiredOfContext = {
  [K in keyof Context]-?: undefined extends Context[K] ? never : K
}[keyof Context]

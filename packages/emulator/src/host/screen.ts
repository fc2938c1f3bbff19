import type { DomDocument, Node } from './dom-backend.ts'

/**
 * A document nobody sees: as much of the DOM as the framework renders into and the host looks at.
 *
 * A browser's document, or jsdom's, does as well; loading jsdom takes longer than everything else a launch does.
 */
export function createScreen(): DomDocument {
  const document = {
    body: new ScreenElement('body'),
    documentElement: { clientWidth: 390, clientHeight: 756 },
    defaultView: { devicePixelRatio: 3 },
    createElement: (tagName: string) => new ScreenElement(tagName),
    createTextNode: (text: string) => new ScreenText(text),
    createDocumentFragment: () => new ScreenFragment(),
  }
  // It is handed its own elements only, which no type can say.
  return document as unknown as DomDocument
}

abstract class ScreenNode {
  parentNode: ScreenParent | null = null
  abstract textContent: string
  abstract toHtml(): string

  get nextSibling(): ScreenNode | null {
    const siblings = this.parentNode?.childNodes ?? []
    return siblings[siblings.indexOf(this) + 1] ?? null
  }

  remove(): void {
    const siblings = this.parentNode?.childNodes
    siblings?.splice(siblings.indexOf(this), 1)
    this.parentNode = null
  }
}

class ScreenText extends ScreenNode {
  textContent: string

  constructor(text: string) {
    super()
    this.textContent = text
  }

  toHtml(): string {
    return escapeHtml(this.textContent)
  }
}

abstract class ScreenParent extends ScreenNode {
  readonly childNodes: ScreenNode[] = []

  get textContent(): string {
    return this.childNodes.map((child) => child.textContent).join('')
  }

  get innerHTML(): string {
    return this.childNodes.map((child) => child.toHtml()).join('')
  }

  append(child: ScreenNode): void {
    this.appendChild(child)
  }

  appendChild(child: ScreenNode): void {
    this.insertBefore(child, null)
  }

  insertBefore(child: ScreenNode, before: ScreenNode | null | undefined): void {
    const added = child instanceof ScreenFragment ? [...child.childNodes] : [child]
    for (const node of added) node.remove()
    const index = before ? this.childNodes.indexOf(before) : this.childNodes.length
    this.childNodes.splice(index, 0, ...added)
    for (const node of added) node.parentNode = this
  }

  removeChild(child: ScreenNode): void {
    child.remove()
  }

  replaceChild(child: ScreenNode, replaced: ScreenNode): void {
    this.insertBefore(child, replaced)
    replaced.remove()
  }
}

class ScreenFragment extends ScreenParent {
  toHtml(): string {
    return this.innerHTML
  }
}

class ScreenElement extends ScreenParent {
  readonly tagName: string
  /** The framework's node that this element shows. */
  declare __wxElement?: Node
  readonly #attributes = new Map<string, string>()
  readonly #classes = new Set<string>()

  readonly classList = {
    add: (name: string) => this.#setClass(() => this.#classes.add(name)),
    remove: (name: string) => this.#setClass(() => this.#classes.delete(name)),
  }

  constructor(tagName: string) {
    super()
    this.tagName = tagName
  }

  get parentElement(): ScreenElement | null {
    return this.parentNode instanceof ScreenElement ? this.parentNode : null
  }

  set id(id: string) {
    this.setAttribute('id', id)
  }

  setAttribute(name: string, value: string): void {
    this.#attributes.set(name, String(value))
  }

  removeAttribute(name: string): void {
    this.#attributes.delete(name)
  }

  #setClass(change: () => void): void {
    change()
    this.setAttribute('class', [...this.#classes].join(' '))
  }

  /** In document order. */
  querySelectorAll(all: '*'): ScreenElement[] {
    return this.childNodes.flatMap((child) =>
      child instanceof ScreenElement ? [child, ...child.querySelectorAll(all)] : [],
    )
  }

  toHtml(): string {
    const attributes = [...this.#attributes].map(([name, value]) => ` ${name}="${escapeHtml(value)}"`).join('')
    return `<${this.tagName}${attributes}>${this.innerHTML}</${this.tagName}>`
  }
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
}

import type { DomElement } from './dom-backend.ts'

/** As much of a node as a snapshot reads; texts have no tag. */
interface ShownNode {
  readonly tagName?: string
  readonly textContent: string | null
  readonly childNodes: Iterable<ShownNode>
  readonly __wxElement?: DomElement['__wxElement']
}

/** What a user sees of an element besides its text. */
const SEEN_ATTRIBUTES = ['src', 'url', 'placeholder', 'value', 'checked', 'disabled', 'open-type']

/**
 * What a page shows, one element a line: its tag, its id and classes as the app wrote them, what a user sees of its
 * attributes, its text. Elements without any of these are left out, so that a change of layout alone changes nothing.
 */
export function snapshotOf(page: DomElement): string {
  return linesOf(page as unknown as ShownNode, 0).join('\n')
}

function linesOf(parent: ShownNode, depth: number): string[] {
  return [...parent.childNodes].flatMap((child) => {
    if (child.tagName === undefined) {
      const text = (child.textContent ?? '').replace(/\s+/g, ' ').trim()
      return text === '' ? [] : [`${'  '.repeat(depth)}${JSON.stringify(text)}`]
    }
    const described = describe(child)
    const inside = linesOf(child, described === '' ? depth : depth + 1)
    return described === '' ? inside : [`${'  '.repeat(depth)}<${described}>`, ...inside]
  })
}

function describe({ tagName = '', __wxElement: node }: ShownNode): string {
  if (!node) return ''
  const id = node.id ? ` #${node.id}` : ''
  const classes = String(node.class ?? '')
    .split(/\s+/)
    .filter(Boolean)
    .map((name) => ` .${name}`)
    .join('')
  const attributes = SEEN_ATTRIBUTES.map((name) => {
    const value: unknown = node.getAttribute(name)
    return value === undefined || value === null || value === false || value === ''
      ? ''
      : ` ${name}=${JSON.stringify(value)}`
  }).join('')
  const seen = id + classes + attributes
  return seen === '' ? '' : tagName.toLowerCase() + seen
}

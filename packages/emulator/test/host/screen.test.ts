import { describe, expect, test } from 'vitest'
import { createScreen } from '../../src/host/screen.ts'

/** What the framework calls beyond what the host does. */
interface Element {
  appendChild(child: unknown): void
  insertBefore(child: unknown, before: unknown): void
  removeChild(child: unknown): void
  replaceChild(child: unknown, replaced: unknown): void
  setAttribute(name: string, value: string): void
  classList: { add(name: string): void; remove(name: string): void }
  readonly nextSibling: unknown
  readonly innerHTML: string
  querySelectorAll(all: '*'): Element[]
}

function setUp() {
  const screen = createScreen()
  const body = screen.body as unknown as Element
  const make = (tagName: string) => screen.createElement(tagName) as unknown as Element
  return { screen, body, make }
}

describe('the screen', () => {
  test('the screen keeps the order of what is inserted, moved and replaced', () => {
    const { body, make } = setUp()
    const [a, b, c] = [make('a'), make('b'), make('c')]
    body.appendChild(a)
    body.appendChild(c)
    body.insertBefore(b, c)
    expect(body.innerHTML).toBe('<a></a><b></b><c></c>')
    body.insertBefore(c, a)
    expect(body.innerHTML).toBe('<c></c><a></a><b></b>')
    expect([c.nextSibling, b.nextSibling]).toEqual([a, null])
    body.replaceChild(make('d'), a)
    body.removeChild(b)
    expect(body.innerHTML).toBe('<c></c><d></d>')
  })

  test('a fragment gives its children away', () => {
    const { screen, body, make } = setUp()
    const fragment = screen.createDocumentFragment() as Element
    const last = make('last')
    body.appendChild(last)
    fragment.appendChild(make('a'))
    fragment.appendChild(make('b'))
    body.insertBefore(fragment, last)
    expect(body.innerHTML).toBe('<a></a><b></b><last></last>')
    expect(fragment.innerHTML).toBe('')
  })

  test('prints attributes, classes and text as a browser would', () => {
    const { screen, body, make } = setUp()
    const view = make('view')
    view.setAttribute('title', '"<&>')
    view.classList.add('a')
    view.classList.add('b')
    view.classList.remove('a')
    view.appendChild(screen.createTextNode('1 < 2 & 3'))
    body.appendChild(view)
    expect(body.innerHTML).toBe('<view title="&quot;&lt;&amp;&gt;" class="b">1 &lt; 2 &amp; 3</view>')
  })

  test('the screen finds every element inside, in document order', () => {
    const { body, make } = setUp()
    const [outer, inner, after] = [make('outer'), make('inner'), make('after')]
    outer.appendChild(inner)
    body.appendChild(outer)
    body.appendChild(after)
    expect(body.querySelectorAll('*')).toEqual([outer, inner, after])
  })
})

import type { DomDocument, DomElement, RunningApp } from '@weapp-auth/emulator/browser'

/** Attributes that are there or not: the framework writes `disabled="false"`, which a browser takes for disabled. */
const SWITCHES = new Set(['disabled', 'checked', 'hidden', 'loading', 'password', 'focus'])

/** WeChat's elements that a browser has none for, and that can be tapped. */
const ROLES: Record<string, string> = { navigator: 'link', checkbox: 'checkbox' }

/** WeChat's elements as a browser's own ones where there are such, so that they can be focused and read aloud. */
export function phoneDocument(document: Document, readFile: (path: string) => Uint8Array | null): DomDocument {
  function createElement(tagName: string): HTMLElement {
    const element = document.createElement(tagName === 'image' ? 'img' : tagName)
    if (tagName === 'image') element.setAttribute('alt', '')
    if (tagName === 'button') element.setAttribute('type', 'button')
    const role = ROLES[tagName]
    if (role) {
      element.setAttribute('role', role)
      element.tabIndex = 0
    }
    if (tagName === 'checkbox') element.ariaChecked = 'false'
    const setAttribute = element.setAttribute.bind(element)
    element.setAttribute = (name, value) => {
      if (name === 'checked') element.ariaChecked = String(isOn(value))
      // A part of the page that reacts to a tap and says so is for the keyboard as well.
      if (name === 'role' && value === 'button') element.tabIndex = 0
      if (SWITCHES.has(name)) element.toggleAttribute(name, isOn(value))
      else if (name === 'src') setAttribute(name, addressOf(String(value)))
      else setAttribute(name, value)
      if (name === 'value' && 'value' in element && element.value !== value) element.value = value
    }
    return element
  }

  /** What lies on the phone itself is no address of the page. */
  function addressOf(path: string): string {
    const file = path.startsWith('wxfile://') ? readFile(path) : null
    return file ? URL.createObjectURL(new Blob([new Uint8Array(file)])) : path
  }

  return {
    body: document.body as unknown as DomElement,
    documentElement: document.documentElement,
    defaultView: document.defaultView,
    createElement: (tagName) => createElement(tagName) as unknown as DomElement,
    createTextNode: (text) => document.createTextNode(text),
    createDocumentFragment: () => document.createDocumentFragment(),
  }
}

/** An empty text is on: the framework writes it for `true`. */
function isOn(value: unknown): boolean {
  return value !== false && value !== 'false' && value !== null && value !== undefined
}

/** Hands what somebody does on the screen to the app. */
export function listenToTouches(document: Document, app: RunningApp, onError: (error: unknown) => void): void {
  const target = (event: Event) => event.target as unknown as DomElement
  const does = (action: Promise<void>) => void action.catch(onError)

  document.addEventListener('submit', (event) => event.preventDefault())
  document.addEventListener('click', (event) => does(app.tap(target(event))))
  document.addEventListener('change', (event) => {
    if (event.target instanceof Object && 'value' in event.target) {
      does(app.input(target(event), String(event.target.value)))
    }
  })
  document.addEventListener('keydown', (event) => {
    const element = event.target as HTMLElement
    const isTapped = element.role && element.localName !== 'button' && element.tabIndex === 0
    if (isTapped && (event.key === 'Enter' || event.key === ' ')) {
      event.preventDefault()
      does(app.tap(target(event)))
    }
    if (event.key !== 'Enter') return
    if (element.localName === 'input') {
      does(app.input(target(event), (element as HTMLInputElement).value).then(() => app.submit(target(event))))
    }
  })
}

import type { glassEasel } from 'glass-easel-miniprogram-adapter'
import type { OpenButtons } from '../wx/open-buttons.ts'
import type { FormBehaviors } from './component-space.ts'
import { type DomBackend, type DomElement, elementOf, type Node } from './dom-backend.ts'

/** What the `open-type` of a `navigator` calls. */
const NAVIGATOR_APIS = {
  navigate: 'navigateTo',
  redirect: 'redirectTo',
  switchTab: 'switchTab',
  reLaunch: 'reLaunch',
  navigateBack: 'navigateBack',
} as const

/** What WeChat's own elements (`button`, `form`, `input`, `switch`, ...) do when the user touches them. */
export interface BuiltinElements {
  tap(node: Node): void
  /** Lets the user enter `value`: text, a switch's boolean, the chosen item of a picker or group. */
  enter(node: Node, value: unknown): void
  submit(node: Node): void
}

export interface BuiltinElementsDeps {
  glassEasel: typeof glassEasel
  backend: DomBackend
  formBehaviors: FormBehaviors
  /** Calls an API of `wx` that moves between pages. */
  navigate: (api: (typeof NAVIGATOR_APIS)[keyof typeof NAVIGATOR_APIS], to: { url: unknown; delta: unknown }) => void
  /** What a button's `open-type` does besides. */
  buttons: OpenButtons
}

const FIELDS = new Set(['input', 'textarea', 'switch', 'picker', 'slider', 'radio-group', 'checkbox-group'])

export function createBuiltinElements(deps: BuiltinElementsDeps): BuiltinElements {
  const { glassEasel, backend, formBehaviors, navigate, buttons } = deps

  /** Only gestures bubble and cross components; what an element says of itself stays with it. */
  function emit(node: Node, event: string, detail: unknown): void {
    glassEasel.triggerEvent(node, event, detail, {})
  }

  function tap(node: Node): void {
    if (closest(node, (tag, { disabled }) => tag === 'button' && disabled)) return
    const touch = { identifier: 0, pageX: 0, pageY: 0, clientX: 0, clientY: 0 }
    glassEasel.triggerEvent(
      node,
      'tap',
      { x: 0, y: 0 },
      {
        bubbles: true,
        composed: true,
        capturePhase: true,
        extraFields: { touches: [touch], changedTouches: [touch] },
      },
    )
    // A handler may have taken it off the page; then there is nothing left to react.
    if (!node.getBackendElement()) return
    const reacting = closest(node, (tag) => tag in reactions)
    if (reacting) reactions[tagOf(reacting)]?.(reacting)
  }

  const reactions: Record<string, (node: Node) => void> = {
    button(node) {
      const around = closest(node, (tag) => tag === 'form')
      const form = around && isSeenBy(around, node, formBehaviors.button) ? around : null
      if (form && attribute(node, 'form-type') === 'submit') submitForm(form)
      if (form && attribute(node, 'form-type') === 'reset') resetForm(form)
      buttons.press(String(attribute(node, 'open-type') ?? ''), (event, detail) => emit(node, event, detail))
    },
    switch: (node) => enter(node, !isOn(attribute(node, 'checked'))),
    radio(node) {
      const group = closest(node, (tag) => tag === 'radio-group')
      if (group) enter(group, attribute(node, 'value'))
    },
    checkbox(node) {
      set(node, 'checked', !isOn(attribute(node, 'checked')))
      const group = closest(node, (tag) => tag === 'checkbox-group')
      if (group) emit(group, 'change', { value: currentValue(group) })
    },
    navigator(node) {
      const openType = attribute(node, 'open-type') ?? 'navigate'
      if (!isNavigation(openType)) throw new Error(`<navigator open-type="${openType}"> leads out of this app`)
      navigate(NAVIGATOR_APIS[openType], { url: attribute(node, 'url'), delta: attribute(node, 'delta') })
    },
  }

  function enter(node: Node, value: unknown): void {
    const tag = tagOf(node)
    if (!FIELDS.has(tag)) throw new TypeError(`<${tag}> takes no input`)
    if (isOn(attribute(node, 'disabled'))) throw new Error(`<${tag}> is disabled`)
    if (tag === 'input' || tag === 'textarea') type(node, String(value))
    else choose(node, value)
  }

  function choose(node: Node, value: unknown): void {
    const chosen = [value].flat().map(String)
    for (const item of itemsOf(node)) set(item, 'checked', chosen.includes(String(attribute(item, 'value'))))
    if (tagOf(node) === 'switch') set(node, 'checked', value)
    if (tagOf(node) === 'picker' || tagOf(node) === 'slider') set(node, 'value', value)
    emit(node, 'change', { value: currentValue(node) })
  }

  function type(node: Node, text: string): void {
    const limit = Number(attribute(node, 'maxlength') ?? 140)
    const value = limit >= 0 ? text.slice(0, limit) : text
    emit(node, 'focus', { value: currentValue(node), height: 0 })
    set(node, 'value', value)
    emit(node, 'input', { value, cursor: value.length, keyCode: 0 })
    emit(node, 'blur', { value: currentValue(node), cursor: value.length })
  }

  function set(node: Node, name: string, value: unknown): void {
    node.setAttribute(name, value)
    backend.updateModel(elementOf(node), name, value)
  }

  function submit(node: Node): void {
    const form = closest(node, (tag) => tag === 'form')
    if (!form) throw new Error(`<${tagOf(node)}> is not in a form`)
    submitForm(form)
  }

  function submitForm(form: Node): void {
    const value: Record<string, unknown> = {}
    for (const [name, field] of namedFields(form)) value[name] = currentValue(field)
    emit(form, 'submit', { value })
  }

  function resetForm(form: Node): void {
    for (const [, field] of namedFields(form)) {
      if (tagOf(field) === 'switch') set(field, 'checked', false)
      else for (const item of itemsOf(field)) set(item, 'checked', false)
      if (tagOf(field) === 'input' || tagOf(field) === 'textarea') set(field, 'value', '')
    }
    emit(form, 'reset', {})
  }

  function namedFields(form: Node): [string, Node][] {
    const named: [string, Node][] = []
    for (const field of nodesIn(form)) {
      const component = glassEasel.Component.isComponent(field) && field.hasBehavior(formBehaviors.field) ? field : null
      if (!component && !FIELDS.has(tagOf(field))) continue
      if (!isSeenBy(form, field, formBehaviors.group)) continue
      const name = component ? component.data.name : attribute(field, 'name')
      if (typeof name === 'string' && name !== '') named.push([name, field])
    }
    return named
  }

  /** A form sees what is in a component inside it only where the component's `behavior` lets it. */
  function isSeenBy(form: Node, node: Node, behavior: FormBehaviors[keyof FormBehaviors]): boolean {
    const inside = new Set<Node>()
    for (let at: Node | null = node; at && at !== form; at = at.getComposedParent()) inside.add(at)
    const hostOf = (at: Node) => at.ownerShadowRoot?.getHostNode() as glassEasel.GeneralComponent | undefined
    for (let host = hostOf(node); host && inside.has(host); host = hostOf(host)) {
      if (!host.hasBehavior(behavior)) return false
    }
    return true
  }

  function currentValue(field: Node): unknown {
    if (glassEasel.Component.isComponent(field)) return field.data.value
    const tag = tagOf(field)
    if (tag === 'switch') return isOn(attribute(field, 'checked'))
    if (tag === 'radio-group' || tag === 'checkbox-group') {
      const values = itemsOf(field)
        .filter((item) => isOn(attribute(item, 'checked')))
        .map((item) => attribute(item, 'value'))
      return tag === 'radio-group' ? (values[0] ?? '') : values
    }
    return attribute(field, 'value') ?? ''
  }

  function itemsOf(group: Node): Node[] {
    return nodesIn(group).filter((node) => tagOf(node) === 'radio' || tagOf(node) === 'checkbox')
  }

  function tagOf(node: Node): string {
    return glassEasel.NativeNode.isNativeNode(node) ? node.is : ''
  }

  /** The nearest element around `node`, itself included, as it is shown: slots and components are looked through. */
  function closest(node: Node, matches: (tag: string, is: { disabled: boolean }) => boolean): Node | null {
    for (let at: DomElement | null = elementOf(node); at; at = at.parentElement) {
      const around = at.__wxElement
      if (around && matches(tagOf(around), { disabled: isOn(attribute(around, 'disabled')) })) return around
    }
    return null
  }

  return { tap, enter, submit }
}

function isNavigation(openType: unknown): openType is keyof typeof NAVIGATOR_APIS {
  return typeof openType === 'string' && openType in NAVIGATOR_APIS
}

function nodesIn(node: Node): Node[] {
  return [...elementOf(node).querySelectorAll('*')].flatMap((element) => element.__wxElement ?? [])
}

function attribute(node: Node, name: string): unknown {
  return node.getAttribute(name) ?? undefined
}

/** `disabled`, `{{true}}`, `{{1}}` and `{{'some text'}}` are on; `{{false}}`, `{{0}}`, `{{''}}` and its absence are off. */
function isOn(value: unknown): boolean {
  return Boolean(value) && value !== 'false'
}

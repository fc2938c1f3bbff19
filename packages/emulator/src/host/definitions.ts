/** What an app gives to `Page`, `Component` or `Behavior`. */
export type Definition = { behaviors?: unknown[] } & Record<string, unknown>

/**
 * The behaviors that WeChat itself brings, as the source of their definition.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/custom-component/behaviors.html
 */
export const BUILTIN_BEHAVIORS: Record<string, string> = {
  'wx://form-field': '{ properties: { name: String, value: null } }',
  'wx://form-field-group': '{}',
  'wx://form-field-button': '{}',
  'wx://component-export': '{}',
  'wx://proxy-scroll-view': '{}',
}

export interface TolerateOptions {
  kind: 'Page' | 'Component' | 'Behavior'
  path: string
  builtinBehaviors: ReadonlyMap<string, unknown>
  warn: (message: string) => void
}

/**
 * The definition as the framework takes it. WeChat only remarks what it cannot use; here each such thing is a warning
 * that names the file, and the rest of the definition counts.
 */
export function tolerate(definition: Definition, { kind, path, builtinBehaviors, warn }: TolerateOptions): Definition {
  const remark = (text: string) => warn(`${path}.js: ${kind}({ ${text}`)
  const tolerated: Definition = { ...definition }

  if (definition.behaviors !== undefined) {
    tolerated.behaviors = [definition.behaviors].flat().flatMap((behavior) => {
      if (typeof behavior !== 'string') return isBehavior(behavior) ? [behavior] : drop('behaviors', behavior)
      return builtinBehaviors.get(behavior) ?? drop('behaviors', behavior)
    })
  }
  if (definition.externalClasses !== undefined && !Array.isArray(definition.externalClasses)) {
    remark(`externalClasses: … }) is ${describe(definition.externalClasses)}, which is left out`)
    delete tolerated.externalClasses
  }
  if (isObject(definition.properties)) tolerated.properties = mapEntries(definition.properties, tolerateProperty)
  for (const field of ['observers', 'lifetimes', 'pageLifetimes', 'methods'] as const) {
    const functions = definition[field]
    if (kind === 'Page' || !isObject(functions) || Array.isArray(functions)) continue
    tolerated[field] = mapEntries(functions, (name, value) =>
      typeof value === 'function' || field === 'methods' ? value : drop(`${field}: { ${name}`, value),
    )
  }
  return tolerated

  function drop(place: string, value: unknown): [] {
    remark(`${place}: … }) is ${describe(value)}, which is left out`)
    return []
  }

  function tolerateProperty(name: string, property: unknown): unknown {
    if (!isObject(property)) return property ?? null
    const { type, optionalTypes, observer } = property
    if (Array.isArray(type)) {
      remark(`properties: { ${name}: { type: … } } }) is an array: one type, the others are optionalTypes`)
      const others = Array.isArray(optionalTypes) ? optionalTypes : []
      return tolerateProperty(name, { ...property, type: type[0], optionalTypes: [...type.slice(1), ...others] })
    }
    if (observer === undefined || typeof observer === 'function' || typeof observer === 'string') return property
    remark(`properties: { ${name}: { observer: … } } }) is ${describe(observer)}, which is left out`)
    const { observer: _observer, ...rest } = property
    return rest
  }
}

/** What `map` answers with an empty array is left out. */
function mapEntries(
  object: Record<string, unknown>,
  map: (name: string, value: unknown) => unknown,
): Record<string, unknown> {
  const mapped: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(object)) {
    const result = map(name, value)
    if (!(Array.isArray(result) && result.length === 0)) mapped[name] = result
  }
  return mapped
}

function isBehavior(value: unknown): boolean {
  return isObject(value) && '_$' in value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`
  return value === null ? 'null' : `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`
}

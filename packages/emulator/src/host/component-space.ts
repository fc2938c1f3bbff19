import type { CodeSpace, MiniProgramEnv as Env, glassEasel } from 'glass-easel-miniprogram-adapter'
import type { AppThread } from '../wx/app-thread.ts'
import type { AppPackage } from './app-package.ts'
import type { Realm } from './realm.ts'

type Definition = { behaviors?: unknown[] } & Record<string, unknown>
type Register = (definition?: Definition) => unknown

/** The app's components: their templates, and the globals that register what their scripts define. */
export interface AppComponents {
  env: Env
  codeSpace: CodeSpace
  globals: { Page: Register; Component: Register; Behavior: Register }
  /** The behavior of components that take part in a form. */
  formField: glassEasel.GeneralBehavior
  /** Runs a component's script: what it registers, it registers as `path`. */
  define(path: string, runScript: () => void): void
  isDefined(path: string): boolean
}

/** WXS has no constructors for these. */
const WXS_GLOBALS = `const getDate = (...args) => new Date(...args), getRegExp = (...args) => new RegExp(...args);`

export function createAppComponents(
  app: AppPackage,
  templates: string,
  realm: Realm,
  thread: AppThread,
): AppComponents {
  const { glassEasel, MiniProgramEnv } = realm.adapter
  const env = new MiniProgramEnv()
  const codeSpace = env.createCodeSpace('app', true)
  let definingPath = ''

  codeSpace.getComponentSpace().updateComponentOptions({ writeIdToDOM: true })
  addReadyLifetime()
  const compiled = realm.compile(`${WXS_GLOBALS} return ${templates}`, [], 'app.wxml')() as Record<string, Template>
  for (const [path, config] of app.components) {
    codeSpace.addComponentStaticConfig(path, config)
    // Class names show which component they belong to, where WeChat's would show a hash.
    codeSpace.addStyleSheet(path, undefined, path.replaceAll('/', '_'))
    const content = compiled[path]
    if (content)
      codeSpace.addCompiledTemplate(path, { groupList: compiled, content, fallbackListenerOnNativeNode: true })
  }

  const register = (kind: 'Page' | 'Component' | 'Behavior') => (definition?: Definition) =>
    codeSpace.componentEnv(definingPath, (constructors) => {
      const construct = constructors[kind] as Register
      return definition ? construct(withBuiltinBehaviors(definition)) : construct()
    })
  const globals = { Page: register('Page'), Component: register('Component'), Behavior: register('Behavior') }

  const formField = defineBehavior('{ properties: { name: String, value: null } }')
  const nothing = defineBehavior('{}')
  const builtinBehaviors: Record<string, unknown> = {
    'wx://form-field': formField,
    'wx://form-field-group': nothing,
    'wx://form-field-button': nothing,
    'wx://component-export': nothing,
  }

  function defineBehavior(source: string): { _$: glassEasel.GeneralBehavior } {
    // In the realm: a property's type is its own String.
    const define = realm.compile(`return Behavior(${source})`, ['Behavior'], 'wx-behaviors')
    return define(globals.Behavior) as { _$: glassEasel.GeneralBehavior }
  }

  function withBuiltinBehaviors(definition: Definition): Definition {
    if (!definition.behaviors?.some((behavior) => typeof behavior === 'string')) return definition
    const behaviors = definition.behaviors.map((behavior) => {
      if (typeof behavior !== 'string') return behavior
      if (!builtinBehaviors[behavior]) throw new Error(`behavior "${behavior}" is not found`)
      return builtinBehaviors[behavior]
    })
    return { ...definition, behaviors }
  }

  /** The framework leaves `ready` to its host: it follows what attached the component, as one task of its own. */
  function addReadyLifetime(): void {
    const behavior = codeSpace.getComponentSpace().defineBehavior({
      lifetimes: {
        attached() {
          const component = (this as unknown as { _$: glassEasel.GeneralComponent })._$
          thread.post(() => {
            if (glassEasel.Element.isAttached(component)) component.triggerLifetime('ready', [])
          })
        },
      },
    })
    codeSpace.setOverallBehavior(behavior as unknown as glassEasel.GeneralBehavior)
  }

  return {
    env,
    codeSpace,
    globals,
    formField: formField._$,
    define(path, runScript) {
      definingPath = path
      runScript()
    },
    isDefined: (path) => codeSpace.getComponentSpace().getComponentByUrlWithoutDefault(path, '') !== null,
  }
}

type Template = glassEasel.template.ComponentTemplate['content']

import type { CodeSpace, MiniProgramEnv as Env, glassEasel } from 'glass-easel-miniprogram-adapter'
import type { AppThread } from '../wx/app-thread.ts'
import { type AppPackage, componentsReachedFrom } from './app-package.ts'
import { BUILTIN_BEHAVIORS, type Definition, tolerate } from './definitions.ts'
import type { Realm } from './realm.ts'
import type { TemplateProblems } from './templates.ts'
import type { AppTimers } from './timers.ts'
import { createWxsHost } from './wxs-host.ts'

type Register = (definition?: Definition) => unknown

/** The app's components: their templates, and the globals that register what their scripts define. */
export interface AppComponents {
  env: Env
  codeSpace: CodeSpace
  globals: { Page: Register; Component: Register; Behavior: Register }
  formBehaviors: FormBehaviors
  /** Runs a component's script: what it registers, it registers as `path`. */
  define(path: string, runScript: () => void): void
  isDefined(path: string): boolean
}

/** The behaviors by which components take part in a form around them: `wx://form-field` and its kin. */
export interface FormBehaviors {
  /** Is a field. */
  field: glassEasel.GeneralBehavior
  /** Lets the form see the fields in it. */
  group: glassEasel.GeneralBehavior
  /** Lets the form see the buttons in it. */
  button: glassEasel.GeneralBehavior
}

export interface AppComponentsDeps {
  app: AppPackage
  templates: TemplateSource
  realm: Realm
  thread: AppThread
  timers: AppTimers
  /** A placeholder is shown in place of the component at `path`, which is not defined yet. */
  onPlaceholder: (path: string) => void
  /** The component whose module runs right now, or '': one that another module requires registers itself. */
  currentModule: () => string
  /** The custom tab bar of the page whose root this is, or null. */
  tabBarOf: (root: glassEasel.GeneralComponent) => unknown
  problems: TemplateProblems & { onScriptError(error: Error): void }
}

/**
 * The result of `compileTemplates`: of all components at once, where the compiler is not at hand, or of some when one
 * of them is shown first.
 */
export type TemplateSource = string | ((paths: readonly string[], problems: TemplateProblems) => string)

type Template = glassEasel.template.ComponentTemplate['content']

/** WXS has no constructors for these. */
const WXS_GLOBALS = `const getDate = (...args) => new Date(...args), getRegExp = (...args) => new RegExp(...args);`

export function createAppComponents(deps: AppComponentsDeps): AppComponents {
  const { app, realm, thread, currentModule, onPlaceholder, tabBarOf, problems } = deps
  const { glassEasel, MiniProgramEnv } = realm.adapter
  const env = new MiniProgramEnv()
  const codeSpace = env.createCodeSpace('app', true)
  const templateOf = createTemplates(deps)
  let definingPath = ''

  codeSpace.getComponentSpace().updateComponentOptions({
    writeIdToDOM: true,
    // A property may be called as something the framework's elements have: dataset, classList, tagName, ...
    writeFieldsToNode: false,
  })
  codeSpace.getComponentSpace().setComponentWaitingListener((_isExported, path) => onPlaceholder(path))
  addOwnLifetimes()
  for (const [path, config] of app.components) {
    codeSpace.addComponentStaticConfig(path, config)
    // Class names show which component they belong to, where WeChat's would show a hash.
    codeSpace.addStyleSheet(path, undefined, path.replaceAll('/', '_'))
    codeSpace.addCompiledTemplate(path, {
      // Read when the component is shown first: of a large app few are.
      get groupList() {
        return templateOf(path).group
      },
      get content() {
        return templateOf(path).content
      },
      fallbackListenerOnNativeNode: true,
    })
  }

  const register = (kind: 'Page' | 'Component' | 'Behavior') => (definition?: Definition) => {
    const module = currentModule()
    const path = app.components.has(module) ? module : definingPath
    return codeSpace.componentEnv(path, (constructors) => {
      const construct = constructors[kind] as Register
      if (!definition) return construct()
      if (kind !== 'Behavior') applyStyleOptions(path, definition.options)
      return construct(tolerate(definition, { kind, path: path || module, builtinBehaviors, warn: problems.onWarning }))
    })
  }
  const globals = { Page: register('Page'), Component: register('Component'), Behavior: register('Behavior') }
  Object.assign(globals.Behavior, { trait: codeSpace.traitBehavior.bind(codeSpace) })

  /** What a component's JSON does not say of its styles, its options may. */
  function applyStyleOptions(path: string, options: unknown): void {
    const config = app.components.get(path)
    if (!config || typeof options !== 'object' || options === null) return
    const { styleIsolation, addGlobalClass } = { ...options, ...config } as Record<string, unknown>
    codeSpace.addComponentStaticConfig(path, {
      ...config,
      ...(styleIsolation !== undefined && { styleIsolation: styleIsolation as never }),
      ...(addGlobalClass !== undefined && { addGlobalClass: addGlobalClass === true }),
    })
  }

  const builtinBehaviors = new Map<string, unknown>()
  for (const [name, source] of Object.entries(BUILTIN_BEHAVIORS)) {
    // In the realm: a property's type is its own String.
    const define = realm.compile(`return Behavior(${source})`, ['Behavior'], 'wx-behaviors')
    builtinBehaviors.set(name, define(globals.Behavior))
  }
  const behaviorOf = (name: string) => (builtinBehaviors.get(name) as { _$: glassEasel.GeneralBehavior })._$

  /** The framework leaves `ready` to its host: it follows what attached the component, as one task of its own. */
  function addOwnLifetimes(): void {
    const behavior = codeSpace.getComponentSpace().defineBehavior({
      lifetimes: {
        created() {
          const component = this as unknown as { _$: glassEasel.GeneralComponent; getTabBar?: unknown }
          // Libraries ask which of WeChat's two renderers shows them.
          Object.assign(component, { renderer: 'webview' })
          component.getTabBar ??= () => tabBarOf(rootOf(component._$))
        },
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
    formBehaviors: {
      field: behaviorOf('wx://form-field'),
      group: behaviorOf('wx://form-field-group'),
      button: behaviorOf('wx://form-field-button'),
    },
    define(path, runScript) {
      definingPath = path
      runScript()
    },
    isDefined: (path) => codeSpace.getComponentSpace().getComponentByUrlWithoutDefault(path, '') !== null,
  }
}

interface CompiledTemplate {
  group: Record<string, Template>
  content: Template
}

/** Compiles a component's template, with those of the components it shows, when it is asked for first. */
function createTemplates({
  app,
  templates,
  realm,
  thread,
  timers,
  problems,
}: AppComponentsDeps): (path: string) => CompiledTemplate {
  const wxsHost = createWxsHost({ realm, thread, timers, onError: problems.onScriptError })
  const known = new Map<string, CompiledTemplate>()

  function evaluate(source: string): Record<string, Template> {
    const run = realm.compile(`${WXS_GLOBALS} return ${source}`, ['wxsHost'], 'app.wxml')
    return run(wxsHost) as Record<string, Template>
  }

  function add(group: Record<string, Template>, paths: Iterable<string>): void {
    for (const path of paths) {
      const content = group[path]
      if (content) known.set(path, { group, content })
    }
  }

  if (typeof templates === 'string') add(evaluate(templates), app.components.keys())

  return (path) => {
    if (!known.has(path) && typeof templates === 'function') {
      const missing = componentsReachedFrom(app, path).filter((reached) => !known.has(reached))
      add(evaluate(templates(missing, problems)), missing)
    }
    const template = known.get(path)
    if (!template) throw new Error(`${path}.wxml was not compiled`)
    return template
  }
}

/** The page that a component is on. */
function rootOf(component: glassEasel.GeneralComponent): glassEasel.GeneralComponent {
  let at = component
  while (at.ownerShadowRoot) at = at.ownerShadowRoot.getHostNode()
  return at
}

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import vm from 'node:vm'
import type * as Adapter from 'glass-easel-miniprogram-adapter'
import { REALM_PRELUDE, type Realm } from './realm.ts'

const require = createRequire(import.meta.url)

/** A realm of its own in this process, for one run of one mini-program. */
export function createVmRealm(now: () => number): Realm {
  const context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } })
  const run = <T>(source: string): T => vm.runInContext(source, context)
  run<(now: () => number) => void>(REALM_PRELUDE)(now)
  const RealmPromise = run<PromiseConstructor>('Promise')

  function defineGlobals(globals: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(globals)) {
      Object.defineProperty(context, name, { value, writable: true, configurable: true, enumerable: true })
    }
  }

  const glassEasel = loadFramework(context, 'glass-easel', () => undefined)
  const adapter = loadFramework(context, 'glass-easel-miniprogram-adapter', () => glassEasel)
  return {
    adapter: adapter as typeof Adapter,
    Promise: RealmPromise,
    compile: (body, params, filename) =>
      vm.compileFunction(body, [...params], { filename, parsingContext: context }) as (...args: unknown[]) => unknown,
    defineGlobals,
  }
}

const frameworkScripts = new Map<string, vm.Script>()

function loadFramework(context: vm.Context, name: string, requireInside: (name: string) => unknown): unknown {
  let script = frameworkScripts.get(name)
  if (!script) {
    const filename = require.resolve(name)
    script = new vm.Script(`(function (module, exports, require) {${readFileSync(filename, 'utf8')}\n})`, { filename })
    frameworkScripts.set(name, script)
  }
  const module = { exports: {} }
  script.runInContext(context)(module, module.exports, requireInside)
  return module.exports
}

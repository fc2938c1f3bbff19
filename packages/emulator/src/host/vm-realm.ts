import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import vm from 'node:vm'
import type * as Adapter from 'glass-easel-miniprogram-adapter'
import type { Realm } from './realm.ts'

const require = createRequire(import.meta.url)

/** `Date` follows the phone's clock; WebAssembly and shared memory do not exist; of `Function` WeChat allows one call. */
const PRELUDE = `(function (now) {
  'use strict'
  const NativeDate = Date
  NativeDate.now = now
  globalThis.Date = NativeDate.prototype.constructor = new Proxy(NativeDate, {
    apply: () => new NativeDate(now()).toString(),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget === globalThis.Date ? target : newTarget),
  })
  const isGlobalThis = (args) => args.length === 1 && /^\\s*return this;?\\s*$/.test(args[0])
  const NativeFunction = Function
  globalThis.Function = NativeFunction.prototype.constructor = new Proxy(NativeFunction, {
    apply: (target, self, args) => (isGlobalThis(args) ? () => globalThis : Reflect.apply(target, self, args)),
    construct: (target, args, newTarget) =>
      isGlobalThis(args) ? () => globalThis : Reflect.construct(target, args, newTarget),
  })
  for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics']) delete globalThis[name]
})`

/** A realm of its own in this process, for one run of one mini-program. */
export function createVmRealm(now: () => number): Realm {
  const context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } })
  const run = <T>(source: string): T => vm.runInContext(source, context)
  run<(now: () => number) => void>(PRELUDE)(now)
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

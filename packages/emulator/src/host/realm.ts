import type * as Adapter from 'glass-easel-miniprogram-adapter'

/**
 * The JavaScript world a mini-program runs in: its own `Object`, `Promise` and `Date`, and no globals but WeChat's.
 *
 * The framework lives inside it too, as WeChat's base library does, so that `String` in `properties` and every
 * array the app gets from `setData` is of one kind.
 */
export interface Realm {
  readonly adapter: typeof Adapter
  readonly Promise: PromiseConstructor
  /** Compiles `body` as a function of `params` that sees only this world's globals. */
  compile(body: string, params: readonly string[], filename: string): (...args: unknown[]) => unknown
  defineGlobals(globals: Record<string, unknown>): void
}

/**
 * Source of a function of `now` that a realm runs first. `Date` follows the phone's clock; WebAssembly and shared memory
 * do not exist; of `Function` WeChat allows one text. Without a text nothing is compiled: libraries keep such a function as
 * their "do nothing".
 */
export const REALM_PRELUDE = `(function (now) {
  'use strict'
  const NativeDate = Date
  NativeDate.now = now
  globalThis.Date = NativeDate.prototype.constructor = new Proxy(NativeDate, {
    apply: () => new NativeDate(now()).toString(),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget === globalThis.Date ? target : newTarget),
  })
  const isGlobalThis = (args) => args.length === 1 && /^\\s*return this;?\\s*$/.test(args[0])
  const known = (args) => (args.length === 0 ? function () {} : isGlobalThis(args) ? () => globalThis : null)
  const NativeFunction = Function
  globalThis.Function = NativeFunction.prototype.constructor = new Proxy(NativeFunction, {
    apply: (target, self, args) => known(args) ?? Reflect.apply(target, self, args),
    construct: (target, args, newTarget) => known(args) ?? Reflect.construct(target, args, newTarget),
  })
  for (const name of ['WebAssembly', 'SharedArrayBuffer', 'Atomics']) delete globalThis[name]
})`

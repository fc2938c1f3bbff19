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

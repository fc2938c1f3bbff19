// Stands in for `src/index.ts` when the client's tests run a second time: the built file, as an old phone would run it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type * as client from '../../src/index.ts'
import { TimerPromise } from './timer-promise.ts'

const BUNDLE = join(import.meta.dirname, '..', '..', 'miniprogram_dist', 'index.js')

/** What newer engines and other hosts have, and a mini-program may not. */
const ABSENT = [
  ...['AbortController', 'AbortSignal', 'Blob', 'DOMException', 'URL', 'URLSearchParams', 'TextDecoder', 'TextEncoder'],
  ...['atob', 'btoa', 'crypto', 'fetch', 'globalThis', 'performance', 'process', 'queueMicrotask', 'setImmediate'],
  ...['structuredClone', 'window', 'self', 'require', 'exports'],
]

// Looked up at each call, because tests put the phone's clock in their place.
const TIMERS = {
  setTimeout: (...args: Parameters<typeof setTimeout>) => globalThis.setTimeout(...args),
  clearTimeout: (id: never) => globalThis.clearTimeout(id),
}

const module: { exports: typeof client } = { exports: {} as typeof client }
const given = { module, Promise: TimerPromise, ...TIMERS }
new Function(...Object.keys(given), ...ABSENT, readFileSync(BUNDLE, 'utf8'))(...Object.values(given))

export const { createAuth, AuthError, isAuthError } = module.exports

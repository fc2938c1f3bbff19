import type { AppFiles } from './app-files.ts'
import { folderOf, npmCandidates, resolvePath } from './paths.ts'
import type { Realm } from './realm.ts'

/** The mini-program's modules. */
export interface ModuleLoader {
  /** Runs the module at `path` (without `.js`) once and returns its exports. */
  load(path: string): unknown
  /** The module whose top level runs right now, without `.js`; '' when none does. */
  current(): string
}

export interface ModuleLoaderDeps {
  files: AppFiles
  realm: Realm
  /** Whether files are put into strict mode, as WeChat's build does unless `setting.es6` is false. Default true. */
  strict?: boolean
  /** Makes the part of the app a file belongs to ready before `require.async` runs it. */
  beforeAsync?: (path: string) => void
  /** The independent sub-package a file is in, or ''. Its modules and all others do not know each other. */
  isolationOf?: (path: string) => string
  /** `requirePlugin`: what a plugin exports. */
  requirePlugin: (name: string) => unknown
}

/**
 * What a browser would have and WeChat hides: every module gets these as parameters without a value, so `typeof window`
 * and `window && …` work, and a library falls back to what there is. They must not be globals of the realm, because
 * a global that is undefined answers `'window' in globalThis` with yes.
 */
export const HIDDEN_NAMES = (
  'window document frames self location navigator localStorage history Caches screen alert confirm prompt fetch ' +
  'XMLHttpRequest WebSocket webkit WeixinJSCore Reporter print WeixinJSBridge'
).split(' ')

interface Module {
  exports: unknown
}

type Require = ((reference: unknown) => unknown) & { async(reference: unknown): Promise<unknown> }

/**
 * The mini-program's `require`: CommonJS, one instance per file, circular requires see what is exported so far.
 *
 * A name is looked for beside the file (`./x`, `/x`), as an npm package in `miniprogram_npm`, then, as WeChat has
 * always done, beside the file without `./`.
 */
export function createModuleLoader({
  files,
  realm,
  strict = true,
  beforeAsync,
  isolationOf = () => '',
  requirePlugin,
}: ModuleLoaderDeps): ModuleLoader {
  const modules = new Map<string, Module>()
  const running: string[] = []
  /** A plugin may have to be fetched first: `requirePlugin.async` answers with a promise. */
  const pluginRequire = Object.assign((name: string) => requirePlugin(name), {
    async: (name: string) => new realm.Promise((done) => done(undefined)).then(() => requirePlugin(name)),
  })

  function load(path: string): unknown {
    const loaded = modules.get(path)
    if (loaded) return loaded.exports
    const source = files.read(path)
    if (source === null) throw new Error(`module '${path}' is not defined`)
    const module: Module = { exports: {} }
    modules.set(path, module)
    running.push(path)
    try {
      if (path.endsWith('.json')) module.exports = JSON.parse(source)
      else run(path, source, module)
    } catch (error) {
      // The next require must fail as this one did, not answer with half a module.
      modules.delete(path)
      throw error
    } finally {
      running.pop()
    }
    return module.exports
  }

  function run(path: string, source: string, module: Module): void {
    const body = compile(path, source)
    body(createRequire(path), module, module.exports, pluginRequire)
  }

  function createRequire(path: string): Require {
    const require = (reference: unknown, onLoad?: unknown, onError?: unknown) => {
      if (typeof onLoad !== 'function') return load(resolve(path, reference))
      // The older form of require.async: https://developers.weixin.qq.com/miniprogram/dev/reference/api/require.html
      loadLater(path, reference).then(
        (exports) => onLoad(exports),
        (error: unknown) => typeof onError === 'function' && onError(error),
      )
      return undefined
    }
    return Object.assign(require, { async: (reference: unknown) => loadLater(path, reference) })
  }

  /** A package may have to be fetched first, so it is never synchronous. */
  function loadLater(path: string, reference: unknown): Promise<unknown> {
    return new realm.Promise((done) => done(undefined)).then(() => {
      const found = resolve(path, reference, () => true)
      beforeAsync?.(found)
      return load(found)
    })
  }

  function resolve(path: string, reference: unknown, isReachable = reachableFrom(path)): string {
    if (typeof reference !== 'string') throw new TypeError('require args must be a string')
    const found = find(folderOf(path), reference, isReachable)
    if (found !== null) return found
    const hidden = find(folderOf(path), reference, () => true)
    if (hidden !== null) {
      throw new Error(
        `module '${hidden}' is not defined, require args is '${reference}': ${path} and it are not both in the same independent sub-package`,
      )
    }
    const place = resolvePath(folderOf(path), reference)
    throw new Error(`module '${place}.js' is not defined, require args is '${reference}'`)
  }

  function compile(path: string, source: string) {
    try {
      // A function inside a function: a module may declare any of the hidden names for itself.
      const directive = strict ? '"use strict";' : ''
      const text = `return function (require, module, exports, requirePlugin) {${directive}${source}\n}`
      return realm.compile(text, HIDDEN_NAMES, path)() as (...args: unknown[]) => unknown
    } catch (cause) {
      throw new SyntaxError(`${path}: ${(cause as Error).message}`, { cause })
    }
  }

  function reachableFrom(path: string): (found: string) => boolean {
    const isolation = isolationOf(path)
    return (found) => isolationOf(found) === isolation
  }

  function find(folder: string, reference: string, isReachable: (path: string) => boolean): string | null {
    const beside = resolvePath(folder, reference)
    const places = /^[./]/.test(reference) ? [beside] : [...npmCandidates(folder, reference), beside]
    for (const place of places) {
      for (const path of /\.(js|json)$/.test(place) ? [place, `${place}.js`] : [`${place}.js`, `${place}/index.js`]) {
        if (files.read(path) !== null && isReachable(path)) return path
      }
    }
    return null
  }

  return {
    load: (path) => load(`${path}.js`),
    current: () => (running.at(-1) ?? '').replace(/\.js$/, ''),
  }
}

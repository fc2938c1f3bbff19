import type { AppFiles } from './app-package.ts'
import { folderOf, npmCandidates, resolvePath } from './paths.ts'
import type { Realm } from './realm.ts'

/** Runs the module at `path` (without `.js`) once and returns its exports. */
export type LoadModule = (path: string) => unknown

/**
 * The mini-program's `require`: CommonJS, one instance per file, circular requires see what is exported so far.
 *
 * A name is looked for beside the file (`./x`, `/x`), as an npm package in `miniprogram_npm`, then, as WeChat has
 * always done, beside the file without `./`.
 */
export function createModuleLoader(files: AppFiles, realm: Realm): LoadModule {
  const modules = new Map<string, { exports: unknown }>()

  function load(path: string): unknown {
    const loaded = modules.get(path)
    if (loaded) return loaded.exports
    const source = files.read(path)
    if (source === null) throw new Error(`module '${path}' is not defined`)
    const module: { exports: unknown } = { exports: {} }
    modules.set(path, module)
    try {
      if (path.endsWith('.json')) module.exports = JSON.parse(source)
      else run(path, source, module)
    } catch (error) {
      // The next require must fail as this one did, not answer with half a module.
      modules.delete(path)
      throw error
    }
    return module.exports
  }

  function run(path: string, source: string, module: { exports: unknown }): void {
    const body = compile(path, source)
    const require = (reference: unknown) => {
      if (typeof reference !== 'string') throw new TypeError('require args must be a string')
      const found = find(folderOf(path), reference)
      if (found === null) {
        throw new Error(
          `module '${resolvePath(folderOf(path), reference)}.js' is not defined, require args is '${reference}'`,
        )
      }
      return load(found)
    }
    body(require, module, module.exports)
  }

  function compile(path: string, source: string) {
    try {
      // WeChat's own build puts every file into strict mode.
      return realm.compile(`"use strict";${source}`, ['require', 'module', 'exports'], path)
    } catch (cause) {
      throw new SyntaxError(`${path}: ${(cause as Error).message}`, { cause })
    }
  }

  function find(folder: string, reference: string): string | null {
    const beside = resolvePath(folder, reference)
    const places = /^[./]/.test(reference) ? [beside] : [...npmCandidates(folder, reference), beside]
    for (const place of places) {
      for (const path of /\.(js|json)$/.test(place) ? [place, `${place}.js`] : [`${place}.js`, `${place}/index.js`]) {
        if (files.read(path) !== null) return path
      }
    }
    return null
  }

  return (path) => load(`${path}.js`)
}

import type { AppThread } from '../wx/app-thread.ts'
import { type AppPackage, componentsReachedFrom, subPackageOf } from './app-package.ts'
import type { AppComponents } from './component-space.ts'
import type { ModuleLoader } from './module-loader.ts'
import type { Realm } from './realm.ts'

/** The scripts of pages and components: those of a package run when it is entered, of a lazy app only what is shown. */
export interface AppScripts {
  /** Runs the scripts of the package that `file` is in, as WeChat does when it has been downloaded. */
  loadPackage(file: string): void
  /** Before a page or component is shown: it and everything it may show is defined. */
  ready(path: string): void
}

export interface AppScriptsDeps {
  app: AppPackage
  realm: Realm
  thread: AppThread
  components: AppComponents
  modules: ModuleLoader
  onError: (error: Error) => void
}

export function createAppScripts({ app, realm, thread, components, modules, onError }: AppScriptsDeps): AppScripts {
  const loadedPackages = new Set<string>()
  const loadedComponents = new Set<string>()
  /** Scripts that ran and called neither Page() nor Component(). */
  const unregistered = new Set<string>()

  function loadPackage(file: string): void {
    const root = subPackageOf(app, file)?.root ?? ''
    if (loadedPackages.has(root)) return
    loadedPackages.add(root)
    if (app.isLazy) return
    for (const path of app.components.keys()) {
      if ((subPackageOf(app, path)?.root ?? '') === root) loadComponent(path)
    }
  }

  function loadComponent(path: string): void {
    if (loadedComponents.has(path)) return
    loadedComponents.add(path)
    let hasThrown = true
    thread.run(() => {
      // The base library's own names for whose script runs; the runtime of Taro 1 and 2 reads them.
      realm.defineGlobals({ __wxRoute: path, __wxRouteBegin: true, __wxAppCurrentFile__: `${path}.js` })
      components.define(path, () => modules.load(path))
      hasThrown = false
    })
    if (components.isDefined(path)) return
    if (!hasThrown) unregistered.add(path)
    // Its template is shown all the same, without data.
    components.define(path, () => components.globals.Component({}))
  }

  function ready(path: string): void {
    const reached = componentsReachedFrom(app, path)
    for (const part of reached) loadPackage(part)
    for (const part of reached) {
      loadComponent(part)
      if (!unregistered.delete(part)) continue
      onError(new Error(`${part}.js has registered nothing: it must call Page() or Component()`))
    }
  }

  return { loadPackage, ready }
}

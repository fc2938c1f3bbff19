import { type AppFiles, LaunchError, missingScript } from './app-files.ts'
import { type Json, objectIn, objectsIn, parseJson, stringIn, stringsIn } from './app-json.ts'
import { type ComponentConfig, collectComponents, referencesOf } from './component-configs.ts'
import { resolvePath } from './paths.ts'

/** A part of the app that a phone downloads when one of its pages is opened. */
export interface SubPackage {
  root: string
  /** Runs without the main package, with modules of its own. */
  independent: boolean
}

/** A mini-program that was found complete: its files, pages, and every component that is reached from them. */
export interface AppPackage {
  files: AppFiles
  pages: readonly string[]
  entryPage: string
  tabPages: ReadonlySet<string>
  /** The component that the app draws its tab bar with, or null. */
  customTabBar: string | null
  subPackages: readonly SubPackage[]
  /** `lazyCodeLoading`: scripts run when something that needs them is opened, not all of a package at once. */
  isLazy: boolean
  /** By path, pages included. */
  components: ReadonlyMap<string, ComponentConfig>
  /** What DevTools would remark while it builds, one line each, with the file. The app runs without what is missing. */
  warnings: string[]
}

/**
 * Reads `app.json` and the JSON of every component that a page leads to.
 *
 * A component that is not there, a plugin's, and a page other than the first are left out with a warning.
 *
 * @throws LaunchError when there is no app, or no first page, or the sources were not compiled
 */
export function readAppPackage(files: AppFiles): AppPackage {
  if (files.read('app.json') === null) {
    throw new LaunchError('not_a_mini_program', 'not a mini-program: there is no app.json')
  }
  const config = parseJson(files, 'app.json')
  if (files.read('app.js') === null) throw missingScript(files, 'app', 'not_a_mini_program', 'app.js is missing')

  const warnings: string[] = []
  const subPackages = listSubPackages(config)
  const listed = listPages(config)
  if (listed.length === 0) throw new LaunchError('config_invalid', 'app.json lists no pages')
  const entry = stringIn(config, 'entryPagePath')
  const entryPage = (entry ? resolvePath('', entry) : listed[0]) ?? ''
  const pages = listed.filter((page) => hasPage(files, page, page === entryPage, warnings))

  const tabBar = objectIn(config, 'tabBar')
  const customTabBar = tabBar.custom === true && files.read('custom-tab-bar/index.js') !== null
  return {
    files,
    pages,
    entryPage,
    tabPages: new Set(objectsIn(tabBar, 'list').map((tab) => resolvePath('', stringIn(tab, 'pagePath') ?? ''))),
    customTabBar: customTabBar ? 'custom-tab-bar/index' : null,
    subPackages,
    isLazy: config.lazyCodeLoading === 'requiredComponents',
    components: collectComponents(files, customTabBar ? [...pages, 'custom-tab-bar/index'] : pages, config, warnings),
    warnings,
  }
}

/**
 * The components a page or component may show when it opens, itself last: each one after those it uses. One that has a
 * placeholder until it is loaded is none of them.
 */
export function componentsReachedFrom(app: AppPackage, path: string): string[] {
  const reached = new Set<string>()
  const entered = new Set<string>()
  function visit(at: string): void {
    const config = app.components.get(at)
    if (!config || entered.has(at)) return
    entered.add(at)
    for (const [tag, used] of referencesOf(config)) if (!isLate(app, at, tag, used.slice(1))) visit(used.slice(1))
    reached.add(at)
  }
  visit(path)
  return [...reached]
}

/** The sub-package a file belongs to, or null for the main package. */
export function subPackageOf({ subPackages }: AppPackage, path: string): SubPackage | null {
  return subPackages.find(({ root }) => path.startsWith(`${root}/`)) ?? null
}

/** The independent sub-package a file is in, or ''. Its modules and all others do not know each other. */
export function isolationOf(app: AppPackage, file: string): string {
  const part = subPackageOf(app, file)
  return part?.independent ? part.root : ''
}

/**
 * Whether a placeholder is shown in place of a component until its script has run: it lies in another sub-package, or the
 * app is lazy.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/custom-component/placeholder.html
 */
function isLate(app: AppPackage, user: string, tag: string, used: string): boolean {
  if (app.components.get(user)?.componentPlaceholder?.[tag] === undefined) return false
  const root = subPackageOf(app, used)?.root
  return app.isLazy || (root !== undefined && root !== subPackageOf(app, user)?.root)
}

function listSubPackages(config: Json): SubPackage[] {
  return [...objectsIn(config, 'subPackages'), ...objectsIn(config, 'subpackages')].map((part) => ({
    root: resolvePath('', stringIn(part, 'root') ?? ''),
    independent: part.independent === true,
  }))
}

function listPages(config: Json): string[] {
  const pages = stringsIn(config, 'pages')
  const packages = [...objectsIn(config, 'subPackages'), ...objectsIn(config, 'subpackages')]
  for (const part of packages) {
    for (const page of stringsIn(part, 'pages')) pages.push(resolvePath(stringIn(part, 'root') ?? '', page))
  }
  return [...new Set(pages.map((page) => resolvePath('', page)))]
}

function hasPage(files: AppFiles, page: string, isEntry: boolean, warnings: string[]): boolean {
  const lost = ['.js', '.wxml'].find((extension) => files.read(page + extension) === null)
  if (!lost) return true
  const message = `app.json lists the page "${page}" but ${page}${lost} is missing`
  const error = missingScript(files, page, 'page_missing', message)
  if (isEntry || error.code === 'sources_not_built') throw error
  warnings.push(message)
  return false
}

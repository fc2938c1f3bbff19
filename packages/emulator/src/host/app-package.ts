import { folderOf, npmCandidates, resolvePath } from './paths.ts'

/** Where a mini-program's files come from: a folder in Node, a bundle in a browser. */
export interface AppFiles {
  /** The text of a file, or null when there is none. `path` is relative to the root, with `/`. */
  read(path: string): string | null
}

/** What a component's or page's JSON says, with every reference resolved to `/path/from/the/root`. */
export interface ComponentConfig {
  component?: boolean
  usingComponents: Record<string, string>
  componentGenerics?: Record<string, true | { default?: string }>
  componentPlaceholder?: Record<string, string>
  [option: string]: unknown
}

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

/** Which kind of thing is wrong with the folder. */
export type LaunchErrorCode =
  | 'not_a_mini_program'
  | 'config_invalid'
  | 'page_missing'
  | 'component_missing'
  | 'sources_not_built'
  | 'template_invalid'

/** Why a folder cannot be run; its message is one line that says what to do. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError'
  readonly code: LaunchErrorCode

  constructor(code: LaunchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
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

/** The components a page or component may show, itself last: each one after those it uses. */
export function componentsReachedFrom({ components }: AppPackage, path: string): string[] {
  const reached = new Set<string>()
  const entered = new Set<string>()
  function visit(at: string): void {
    const config = components.get(at)
    if (!config || entered.has(at)) return
    entered.add(at)
    for (const used of referencesOf(config)) visit(used.slice(1))
    reached.add(at)
  }
  visit(path)
  return [...reached]
}

/** The sub-package a file belongs to, or null for the main package. */
export function subPackageOf({ subPackages }: AppPackage, path: string): SubPackage | null {
  return subPackages.find(({ root }) => path.startsWith(`${root}/`)) ?? null
}

function referencesOf({ usingComponents, componentGenerics = {} }: ComponentConfig): string[] {
  const defaults = Object.values(componentGenerics).flatMap((generic) =>
    generic === true ? [] : (generic.default ?? []),
  )
  return [...Object.values(usingComponents), ...defaults]
}

type Json = Record<string, unknown>

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

/** Walks `usingComponents` from the pages; what `app.json` uses is usable everywhere. */
function collectComponents(
  files: AppFiles,
  pages: readonly string[],
  config: Json,
  warnings: string[],
): Map<string, ComponentConfig> {
  const components = new Map<string, ComponentConfig>()
  const shared = resolveUsing(files, 'app', config, warnings)
  const waiting = [...pages, ...Object.values(shared).map((path) => path.slice(1))]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (components.has(path)) continue
    const json = readConfig(files, path, warnings)
    const usingComponents = { ...shared, ...resolveUsing(files, path, json, warnings) }
    const componentGenerics = resolveGenerics(files, path, json, warnings)
    const own: ComponentConfig = { ...json, usingComponents, ...(componentGenerics && { componentGenerics }) }
    components.set(path, own)
    waiting.push(...referencesOf(own).map((used) => used.slice(1)))
  }
  return components
}

function readConfig(files: AppFiles, path: string, warnings: string[]): Json {
  const text = files.read(`${path}.json`)
  if (text === null) return {}
  if (text.trim() !== '') return parseJson(files, `${path}.json`)
  warnings.push(`${path}.json is empty`)
  return {}
}

function resolveUsing(files: AppFiles, user: string, json: Json, warnings: string[]): Record<string, string> {
  const using: Record<string, string> = {}
  for (const [tag, reference] of Object.entries(objectIn(json, 'usingComponents'))) {
    if (typeof reference !== 'string') {
      throw new LaunchError('config_invalid', `${user}.json: usingComponents.${tag} must be a path`)
    }
    const found = findComponent(files, user, reference, warnings)
    if (found !== null) using[tag] = `/${found}`
  }
  return using
}

/** `componentGenerics`: what stands in for a generic the user of the component does not give. */
function resolveGenerics(
  files: AppFiles,
  user: string,
  json: Json,
  warnings: string[],
): Record<string, true | { default?: string }> | null {
  const generics = Object.entries(objectIn(json, 'componentGenerics'))
  if (generics.length === 0) return null
  return Object.fromEntries(
    generics.map(([name, generic]) => {
      const reference = isObject(generic) ? stringIn(generic, 'default') : undefined
      const found = reference === undefined ? null : findComponent(files, user, reference, warnings)
      return [name, found === null ? true : { default: `/${found}` }]
    }),
  )
}

function findComponent(files: AppFiles, user: string, reference: string, warnings: string[]): string | null {
  if (reference.includes('://')) {
    warnings.push(`${user}.json uses "${reference}": plugins cannot be run here, its element stays empty`)
    return null
  }
  const folder = folderOf(user)
  const candidates = [resolvePath(folder, reference)]
  if (!/^[./]/.test(reference)) candidates.push(...npmCandidates(folder, reference))
  for (const candidate of candidates.flatMap((path) => [path, `${path}/index`])) {
    if (files.read(`${candidate}.js`) !== null) return candidate
    if (files.read(`${candidate}.wxml`) === null) continue
    const message = `${candidate}.js is missing (used by ${user}.json)`
    const error = missingScript(files, candidate, 'component_missing', message)
    if (error.code === 'sources_not_built') throw error
  }
  warnings.push(`component "${reference}" is not found (used by ${user}.json), its element stays empty`)
  return null
}

function missingScript(files: AppFiles, path: string, code: LaunchErrorCode, message: string): LaunchError {
  if (files.read(`${path}.js`) === null && files.read(`${path}.ts`) !== null) {
    return new LaunchError(
      'sources_not_built',
      `${path}.ts is not compiled to ${path}.js: build the mini-program first and pass the folder with the built files, or name "typescript" in setting.useCompilerPlugins of project.config.json`,
    )
  }
  return new LaunchError(code, message)
}

function parseJson(files: AppFiles, path: string): Json {
  try {
    const parsed: unknown = JSON.parse(files.read(path) ?? '')
    if (isObject(parsed)) return parsed
  } catch (cause) {
    throw new LaunchError('config_invalid', `${path} is not valid JSON: ${(cause as Error).message}`, { cause })
  }
  throw new LaunchError('config_invalid', `${path} must hold an object`)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectIn(json: Json, name: string): Json {
  const value = json[name]
  return isObject(value) ? value : {}
}

function objectsIn(json: Json, name: string): Json[] {
  const value = json[name]
  return Array.isArray(value) ? value.filter(isObject) : []
}

function stringIn(json: Json, name: string): string | undefined {
  const value = json[name]
  return typeof value === 'string' ? value : undefined
}

function stringsIn(json: Json, name: string): string[] {
  const value = json[name]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

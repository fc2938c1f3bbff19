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
  [option: string]: unknown
}

/** A mini-program that was found complete: its files, pages, and every component that is reached from them. */
export interface AppPackage {
  files: AppFiles
  pages: readonly string[]
  entryPage: string
  tabPages: ReadonlySet<string>
  /** By path, pages included. */
  components: ReadonlyMap<string, ComponentConfig>
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

export function readAppPackage(files: AppFiles): AppPackage {
  if (files.read('app.json') === null) {
    throw new LaunchError('not_a_mini_program', 'not a mini-program: there is no app.json')
  }
  const config = parseJson(files, 'app.json')
  if (files.read('app.js') === null) throw missingScript(files, 'app', 'not_a_mini_program', 'app.js is missing')

  const pages = listPages(config)
  if (pages.length === 0) throw new LaunchError('config_invalid', 'app.json lists no pages')
  for (const page of pages) {
    const lost = ['.js', '.wxml'].find((extension) => files.read(page + extension) === null)
    if (lost) {
      throw missingScript(
        files,
        page,
        'page_missing',
        `app.json lists the page "${page}" but ${page}${lost} is missing`,
      )
    }
  }

  const entry = stringIn(config, 'entryPagePath')
  return {
    files,
    pages,
    entryPage: (entry ? resolvePath('', entry) : pages[0]) ?? '',
    tabPages: new Set(objectsIn(objectIn(config, 'tabBar'), 'list').map((tab) => stringIn(tab, 'pagePath') ?? '')),
    components: collectComponents(files, pages, config),
  }
}

type Json = Record<string, unknown>

function listPages(config: Json): string[] {
  const pages = stringsIn(config, 'pages')
  const packages = [...objectsIn(config, 'subPackages'), ...objectsIn(config, 'subpackages')]
  for (const part of packages) {
    for (const page of stringsIn(part, 'pages')) pages.push(resolvePath(stringIn(part, 'root') ?? '', page))
  }
  return pages.map((page) => resolvePath('', page))
}

/** Walks `usingComponents` from the pages; what `app.json` uses is usable everywhere. */
function collectComponents(files: AppFiles, pages: readonly string[], config: Json): Map<string, ComponentConfig> {
  const components = new Map<string, ComponentConfig>()
  const shared = resolveUsing(files, 'app', config)
  const waiting = [...pages, ...Object.values(shared).map((path) => path.slice(1))]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (components.has(path)) continue
    const json = files.read(`${path}.json`) === null ? {} : parseJson(files, `${path}.json`)
    const own = resolveUsing(files, path, json)
    components.set(path, { ...json, usingComponents: { ...shared, ...own } })
    waiting.push(...Object.values(own).map((used) => used.slice(1)))
  }
  return components
}

function resolveUsing(files: AppFiles, user: string, json: Json): Record<string, string> {
  const using: Record<string, string> = {}
  for (const [tag, reference] of Object.entries(objectIn(json, 'usingComponents'))) {
    if (typeof reference !== 'string') {
      throw new LaunchError('config_invalid', `${user}.json: usingComponents.${tag} must be a path`)
    }
    using[tag] = `/${resolveComponent(files, user, reference)}`
  }
  return using
}

function resolveComponent(files: AppFiles, user: string, reference: string): string {
  if (reference.includes('://')) {
    throw new LaunchError('component_missing', `${user}.json uses "${reference}": plugins cannot be run here`)
  }
  const folder = folderOf(user)
  const candidates = [resolvePath(folder, reference)]
  if (!/^[./]/.test(reference)) candidates.push(...npmCandidates(folder, reference))
  for (const candidate of candidates.flatMap((path) => [path, `${path}/index`])) {
    if (files.read(`${candidate}.js`) !== null) return candidate
    if (files.read(`${candidate}.wxml`) !== null) {
      throw missingScript(files, candidate, 'component_missing', `${candidate}.js is missing (used by ${user}.json)`)
    }
  }
  throw new LaunchError('component_missing', `component "${reference}" is not found (used by ${user}.json)`)
}

function missingScript(files: AppFiles, path: string, code: LaunchErrorCode, message: string): LaunchError {
  if (files.read(`${path}.js`) === null && files.read(`${path}.ts`) !== null) {
    return new LaunchError(
      'sources_not_built',
      `${path}.ts is not compiled to ${path}.js: build the mini-program first and pass the folder with the built files`,
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

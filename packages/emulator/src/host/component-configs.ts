import { type AppFiles, LaunchError, missingScript } from './app-files.ts'
import { isObject, type Json, objectIn, parseJson, stringIn } from './app-json.ts'
import { folderOf, npmCandidates, resolvePath } from './paths.ts'

/** What a component's or page's JSON says, with every reference resolved to `/path/from/the/root`. */
export interface ComponentConfig {
  component?: boolean
  usingComponents: Record<string, string>
  componentGenerics?: Record<string, true | { default?: string }>
  componentPlaceholder?: Record<string, string>
  [option: string]: unknown
}

/** Walks `usingComponents` from the pages; what `app.json` uses is usable everywhere. */
export function collectComponents(
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
    waiting.push(...referencesOf(own).map(([, used]) => used.slice(1)))
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

/** What `useExtendedLib` of app.json takes from the phone: https://developers.weixin.qq.com/miniprogram/dev/reference/configuration/app.html */
const EXTENDED_LIBRARIES = ['weui-miniprogram', 'miniprogram-element']

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
  const library = EXTENDED_LIBRARIES.find((name) => reference.startsWith(`${name}/`))
  const hint = library
    ? `: WeChat brings ${library} (useExtendedLib), here it has to be installed: npm install ${library}`
    : ''
  warnings.push(`component "${reference}" is not found (used by ${user}.json), its element stays empty${hint}`)
  return null
}

/** The components that a component uses, by tag: of its own, and where the user of its generics gives none. */
export function referencesOf({
  usingComponents,
  componentGenerics = {},
}: ComponentConfig): [tag: string, path: string][] {
  const defaults = Object.entries(componentGenerics).flatMap(([tag, generic]): [string, string][] =>
    generic === true || generic.default === undefined ? [] : [[tag, generic.default]],
  )
  return [...Object.entries(usingComponents), ...defaults]
}

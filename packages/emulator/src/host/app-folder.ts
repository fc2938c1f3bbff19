import { readFileSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { isConfined } from '../confine.ts'
import { type AppFiles, LaunchError } from './app-files.ts'
import { type NpmRelation, withNpmPackages } from './npm-packages.ts'
import { folderOf, resolvePath } from './paths.ts'
import { compiledSources } from './sources.ts'

/** A mini-program on disk: a WeChat DevTools project, or the folder it was built into. */
export interface AppFolder {
  files: AppFiles
  /** What `project.config.json` says, if anything. */
  appid?: string
  /** Whether the build puts every file into strict mode: `setting.es6` is not false. */
  strict: boolean
}

/**
 * Opens a folder as DevTools does. ES modules and what the project's compiler plugins are for come out compiled; npm
 * packages come from `miniprogram_npm`, or from `node_modules` where that was not built.
 *
 * @param folder holds `app.json`, or a `project.config.json` whose `miniprogramRoot` does
 */
export function openAppFolder(folder: string): AppFolder {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new LaunchError('not_a_mini_program', `there is no folder ${folder}`)
  }
  const project = readingFrom(folder)
  const { appid, root, setting } = readProjectConfig(project, folder)
  const plugins = Array.isArray(setting.useCompilerPlugins) ? setting.useCompilerPlugins.map(String) : []
  const written = root === '' ? project : readingFrom(join(folder, root))
  const packed = withNpmPackages(written, project, npmRelations(setting, root))
  return {
    files: compiledSources({ files: packed, root: join(folder, root), plugins }),
    strict: setting.es6 !== false || setting.enhance === true,
    ...(appid !== undefined && { appid }),
  }
}

interface ProjectConfig {
  appid?: string
  /** Where the mini-program lies, relative to the project; '' for the project itself. */
  root: string
  setting: Record<string, unknown>
}

/** `project.private.config.json` overrides the settings that are shared. */
function readProjectConfig(project: AppFiles, folder: string): ProjectConfig {
  const shared = readJson(project, 'project.config.json', folder)
  const own = readJson(project, 'project.private.config.json', folder)
  const { miniprogramRoot, srcMiniprogramRoot, appid } = { ...shared, ...own }
  const root = [miniprogramRoot, srcMiniprogramRoot].find((path) => typeof path === 'string' && path !== '')
  return {
    // A built folder may carry the config of the project it was built from, whose root is not here.
    root:
      typeof root === 'string' && project.read(resolvePath('', `${root}/app.json`)) !== null
        ? resolvePath('', root)
        : '',
    setting: { ...objectOf(shared.setting), ...objectOf(own.setting) },
    ...(typeof appid === 'string' && { appid }),
  }
}

/** `packNpmManually` with its list says where the packages are; otherwise they lie in the mini-program's root. */
function npmRelations(setting: Record<string, unknown>, root: string): NpmRelation[] {
  const own = { packageFolder: root, distFolder: '' }
  if (setting.packNpmManually !== true || !Array.isArray(setting.packNpmRelationList)) return [own]
  const listed = setting.packNpmRelationList.map(objectOf).map(({ packageJsonPath, miniprogramNpmDistDir }) => {
    const dist = resolvePath('', String(miniprogramNpmDistDir ?? ''))
    return {
      packageFolder: folderOf(resolvePath('', String(packageJsonPath ?? ''))),
      // Relative to the project there, to the mini-program here.
      distFolder: dist === root ? '' : dist.startsWith(`${root}/`) ? dist.slice(root.length + 1) : dist,
    }
  })
  return [...listed, own]
}

function readJson(project: AppFiles, path: string, folder: string): Record<string, unknown> {
  const text = project.read(path)
  if (text === null) return {}
  try {
    return objectOf(JSON.parse(text))
  } catch (cause) {
    const message = `${join(folder, path)} is not valid JSON: ${(cause as Error).message}`
    throw new LaunchError('config_invalid', message, { cause })
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function readingFrom(root: string): AppFiles {
  const realRoot = realpathSync.native(root)
  const known = new Map<string, string | null>()
  return {
    read(path) {
      const seen = known.get(path)
      if (seen !== undefined) return seen
      const text = isInside(realRoot, join(root, path)) ? readText(join(root, path)) : null
      known.set(path, text)
      return text
    },
  }
}

/**
 * Where Node's permission model keeps strangers' code in, a link that leads out of the folder is followed by nobody: the
 * model itself looks at the link only, not at where it leads.
 */
function isInside(realRoot: string, path: string): boolean {
  if (!isConfined()) return true
  try {
    return `${realpathSync.native(path)}${sep}`.startsWith(`${realRoot}${sep}`)
  } catch {
    return false
  }
}

function readText(path: string): string | null {
  try {
    // Editors on Windows write a byte order mark, which is no part of the text.
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // ERR_ACCESS_DENIED: outside what Node's permission model was told, so not of this program.
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ERR_ACCESS_DENIED'].includes(code ?? '')) return null
    throw error
  }
}

import type { AppFiles } from './app-files.ts'
import { resolvePath } from './paths.ts'

/** Where DevTools puts the packages of one `package.json`. Paths are relative to the project. */
export interface NpmRelation {
  /** The folder that holds `package.json` and `node_modules`. */
  packageFolder: string
  /** The folder in which `miniprogram_npm` is made, relative to the mini-program's root. */
  distFolder: string
}

const NPM_FOLDER = 'miniprogram_npm/'

/**
 * The files, with a `miniprogram_npm` made from `node_modules` where DevTools' "build npm" has not been run yet.
 *
 * A package made for mini-programs (its `miniprogram` field, or a folder `miniprogram_dist`) appears as that folder. Of
 * any other package only `index.js` can be required: DevTools packs its `main` into one file; here that file requires
 * the package's own modules under a name that no program writes.
 *
 * @param project the files of the whole project, `node_modules` included
 * @see https://developers.weixin.qq.com/miniprogram/dev/devtools/npm.html
 */
export function withNpmPackages(files: AppFiles, project: AppFiles, relations: readonly NpmRelation[]): AppFiles {
  const manifests = new Map<string, Manifest | null>()

  function readManifest(folder: string): Manifest | null {
    const known = manifests.get(folder)
    if (known !== undefined) return known
    const manifest = parseManifest(project.read(`${folder}/package.json`))
    manifests.set(folder, manifest)
    return manifest
  }

  function readPackaged(path: string): string | null {
    for (const { packageFolder, distFolder } of relations) {
      const packages = distFolder === '' ? NPM_FOLDER : `${distFolder}/${NPM_FOLDER}`
      if (!path.startsWith(packages)) continue
      const [name, rest] = splitPackagePath(path.slice(packages.length))
      const folder = resolvePath(packageFolder, `node_modules/${name}`)
      const manifest = readManifest(folder)
      if (manifest) return readFrom(folder, manifest, rest)
    }
    return null
  }

  function readFrom(folder: string, { miniprogram, main }: Manifest, rest: string): string | null {
    const dist = miniprogram ?? (hasFolder(`${folder}/miniprogram_dist`) ? 'miniprogram_dist' : null)
    if (dist !== null) return project.read(resolvePath(folder, `${dist}/${rest}`))
    if (rest.startsWith(INSIDE)) return project.read(resolvePath(folder, rest.slice(INSIDE.length)))
    if (rest !== 'index.js') return null
    const entry = [main, `${main}.js`, `${main}/index.js`].find(
      (path) => project.read(resolvePath(folder, path)) !== null,
    )
    return entry === undefined ? null : `module.exports = require('./${INSIDE}${resolvePath('', entry)}')`
  }

  /** There is no listing of folders: a package that has one has an entry in it. */
  function hasFolder(folder: string): boolean {
    return ['index.js', 'index.json', 'package.json'].some((name) => project.read(`${folder}/${name}`) !== null)
  }

  return {
    read: (path) => files.read(path) ?? (path.includes(NPM_FOLDER) ? readPackaged(path) : null),
  }
}

const INSIDE = '__package__/'

interface Manifest {
  miniprogram: string | null
  main: string
}

function parseManifest(text: string | null): Manifest | null {
  if (text === null) return null
  try {
    const { miniprogram, main } = JSON.parse(text) as Record<string, unknown>
    return {
      miniprogram: typeof miniprogram === 'string' ? miniprogram : null,
      main: typeof main === 'string' && main !== '' ? main : 'index.js',
    }
  } catch {
    return null
  }
}

/** `@scope/name/lib/x` as the package and the path inside it. */
function splitPackagePath(path: string): [name: string, rest: string] {
  const parts = path.split('/')
  const length = path.startsWith('@') ? 2 : 1
  return [parts.slice(0, length).join('/'), parts.slice(length).join('/')]
}

// Tools that are too large for the project's own install, put into a folder of .cache/ when somebody needs them.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.ts'

const QUIET = ['--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', '--no-save', '--loglevel=error']

/**
 * Installs `packages` (`{ name: exact version }`) into `.cache/<name>`, again when one of them is there in another version.
 *
 * @returns the folder
 * @throws Error with what npm said
 */
export function installOnDemand(name: string, packages: Record<string, string>): string {
  const folder = join(ROOT, '.cache', name)
  if (Object.entries(packages).every(([each, version]) => installedVersion(folder, each) === version)) return folder
  const wanted = Object.entries(packages).map(([each, version]) => `${each}@${version}`)
  process.stderr.write(`installing ${wanted.join(' and ')} ...\n`)
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { status, stdout, stderr } = spawnSync('npm', ['install', '--prefix', folder, ...QUIET, ...wanted], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`could not install ${wanted.join(' and ')}: ${stderr || stdout}`)
  return folder
}

/** Null when the package is not there. */
export function installedVersion(folder: string, name: string): string | null {
  try {
    const manifest = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')
    return (JSON.parse(manifest) as { version: string }).version
  } catch {
    return null
  }
}

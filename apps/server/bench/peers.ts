import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const FOLDER = join(ROOT, '.cache', 'bench')

/** Loads one of the packages that the benchmark alone needs. */
export const requirePeer: NodeJS.Require = createRequire(join(FOLDER, 'package.json'))

/** Installs what we are compared with, beside and not among our own dependencies; again when a version differs. */
export function installPeers(): void {
  const manifest = readFileSync(join(import.meta.dirname, 'peers.json'), 'utf8')
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> }
  if (Object.entries(dependencies).every(([name, version]) => installedVersion(name) === version)) return
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), manifest)
  process.stderr.write('installing what the benchmark compares with\n')
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: FOLDER,
    stdio: ['ignore', 2, 2],
  })
}

function installedVersion(name: string): string | null {
  try {
    const manifest = readFileSync(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8')
    return (JSON.parse(manifest) as { version: string }).version
  } catch {
    return null
  }
}

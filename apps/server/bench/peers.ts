import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const FOLDER = join(ROOT, '.cache', 'bench')

/** Loads one of the packages that the benchmark alone needs. */
export const requirePeer: NodeJS.Require = createRequire(join(FOLDER, 'package.json'))

/** Installs what we are compared with, beside and not among our own dependencies; nothing when it is there. */
export function installPeers(): void {
  const wanted = readFileSync(join(import.meta.dirname, 'peers.json'), 'utf8')
  const file = join(FOLDER, 'package.json')
  if (existsSync(join(FOLDER, 'node_modules')) && existsSync(file) && readFileSync(file, 'utf8') === wanted) return
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(file, wanted)
  process.stderr.write('installing what the benchmark compares with\n')
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: FOLDER,
    stdio: ['ignore', 2, 2],
  })
}

// Where a program comes from: this machine, or Debian's or Ubuntu's packages, unpacked into a cache folder without touching
// the system.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface Program {
  path: string
  env: NodeJS.ProcessEnv
}

/** Finds a program on PATH or where Debian puts it (`/usr/lib/postgresql/15/bin`), newest version first. */
export function findProgram(names: readonly string[], folders: readonly string[] = []): Program | null {
  const places = [
    ...(process.env.PATH ?? '').split(':'),
    ...folders.flatMap((pattern) => globSync(pattern).sort().reverse()),
  ]
  for (const name of names) {
    const place = places.find((folder) => folder !== '' && existsSync(join(folder, name)))
    if (place) return { path: join(place, name), env: process.env }
  }
  return null
}

/**
 * Downloads Debian's packages with whatever of their dependencies the system lacks, unpacks them into a cache folder and
 * finds the program `name` there.
 *
 * @throws Error saying why there is none: not a Debian system, no package lists, no network
 */
export function unpackProgram(packages: readonly string[], name: string, folder: string): Program {
  const target = join(cacheFolder(), packages.join('+'))
  if (!existsSync(target)) unpack(packages, target)
  const place = globSync(join(target, folder)).sort().at(-1)
  if (!place) throw new Error(`${packages.join(' and ')}: there is no ${folder}/${name} in it`)
  const libraries = globSync(join(target, 'usr/lib/*-linux-gnu*'))
  return { path: join(place, name), env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') } }
}

function unpack(packages: readonly string[], target: string): void {
  const partial = `${target}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  for (const name of missingPackages(packages)) {
    execFileSync('apt-get', ['download', name], { cwd: partial, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  for (const file of globSync(join(partial, '*.deb'))) {
    execFileSync('dpkg-deb', ['-x', file, partial], { stdio: ['ignore', 'ignore', 'pipe'] })
    rmSync(file)
  }
  renameSync(partial, target)
}

function missingPackages(packages: readonly string[]): string[] {
  const plan = () => {
    const args = ['--simulate', 'install', '--no-install-recommends', ...packages]
    return execFileSync('apt-get', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }
  let printed: string
  try {
    printed = plan()
  } catch (error) {
    if (process.getuid?.() !== 0) throw error
    execFileSync('apt-get', ['update'], { stdio: ['ignore', 'ignore', 'pipe'] })
    printed = plan()
  }
  return [...printed.matchAll(/^Inst (\S+)/gm)].flatMap(([, name]) => name ?? [])
}

/** Root starts PostgreSQL and MariaDB as another user, who cannot look into root's home: then the cache stands in /var/tmp. */
function cacheFolder(): string {
  if (process.getuid?.() !== 0) return join(import.meta.dirname, '../../../.cache/debian')
  const folder = '/var/tmp/weapp-auth-debian'
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  if (statSync(folder).uid !== 0) throw new Error(`${folder} belongs to somebody else`)
  return folder
}

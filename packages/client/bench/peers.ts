import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '..', '..', '..', '.cache', 'client-peers')
const PACKAGES = {
  'wafer-client-sdk': '0.8.4',
  'wafer2-client-sdk': '2.1.0',
  alova: '3.5.5',
  axios: '1.21.1',
  'axios-auth-refresh': '5.0.2',
}

/** Installs what the client is compared with, once; answers where. It is no part of the project's own install. */
export function installPeers(): string {
  const missing = Object.entries(PACKAGES).flatMap(([name, version]) => (installed(name) === version ? [] : name))
  if (missing.length === 0) return FOLDER
  process.stderr.write(`installing ${missing.join(', ')} ...\n`)
  mkdirSync(FOLDER, { recursive: true })
  const packages = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`)
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-save', '--loglevel=error']
  const { status, stderr } = spawnSync('npm', ['install', '--prefix', FOLDER, ...quiet, ...packages], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`could not install the libraries to compare with: ${stderr}`)
  return FOLDER
}

function installed(name: string): string | null {
  try {
    const manifest = readFileSync(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8')
    return (JSON.parse(manifest) as { version: string }).version
  } catch {
    return null
  }
}

// Writes dist/: what WeChat DevTools and the emulator run. The client goes into miniprogram_npm as it is, which saves
// the "Build npm" step and keeps the file byte-identical to the package's.
import { copyFileSync, cpSync, globSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const FOLDER = dirname(fileURLToPath(import.meta.url))
const SOURCE = join(FOLDER, 'src')
const TARGET = join(FOLDER, 'dist')
const CLIENT = join(FOLDER, 'node_modules', '@weapp-auth', 'client', 'miniprogram_dist')

export async function buildMiniprogram(): Promise<void> {
  rmSync(TARGET, { recursive: true, force: true })
  await build({
    entryPoints: globSync('**/*.ts', { cwd: SOURCE }).map((file) => join(SOURCE, file)),
    outdir: TARGET,
    outbase: SOURCE,
    format: 'cjs',
    target: 'es2015',
    logLevel: 'warning',
  })
  cpSync(SOURCE, TARGET, { recursive: true, filter: (path) => extname(path) !== '.ts' })
  const client = join(TARGET, 'miniprogram_npm', '@weapp-auth', 'client')
  mkdirSync(client, { recursive: true })
  copyFileSync(join(CLIENT, 'index.js'), join(client, 'index.js'))
}

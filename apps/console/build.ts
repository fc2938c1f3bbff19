// Writes apps/server/console/: the page that the service API serves at `/`. It is deployed with the service.
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const SOURCE = join(import.meta.dirname, 'src')
const TARGET = join(import.meta.dirname, '../server/console')

/** All of the page, gzipped. */
const SIZE_LIMIT_BYTES = 25_000

/** @throws Error when the page has grown beyond its limit */
export async function buildConsole(): Promise<void> {
  rmSync(TARGET, { recursive: true, force: true })
  mkdirSync(TARGET, { recursive: true })
  const { metafile } = await build({
    entryPoints: { console: join(SOURCE, 'main.tsx'), style: join(SOURCE, 'style.css') },
    outdir: TARGET,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  })
  copyFileSync(join(SOURCE, 'index.html'), join(TARGET, 'index.html'))
  const files = [...Object.keys(metafile.outputs), join(TARGET, 'index.html')]
  const size = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0)
  const line = `the console: ${(size / 1000).toFixed(1)} kB gzipped (limit ${SIZE_LIMIT_BYTES / 1000} kB)`
  if (size > SIZE_LIMIT_BYTES) throw new Error(line)
  process.stderr.write(`${line}\n`)
}

if (import.meta.main) await buildConsole()

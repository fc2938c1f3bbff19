// Writes miniprogram_dist/: one CommonJS file that any supported WeChat can run, and types that need no other package.
// Runs after `tsc -b`, which has put the types of client and shared in place.
/// <reference path="./acorn-globals.d.ts" />
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { parse } from 'acorn'
import findGlobals from 'acorn-globals'
import { type BuildOptions, build } from 'esbuild'
import { minify } from 'terser'

const FOLDER = dirname(fileURLToPath(import.meta.url))
const DIST = join(FOLDER, 'miniprogram_dist')
const TYPES = join(FOLDER, 'dist')
const SHARED_TYPES = join(FOLDER, '..', 'shared', 'dist')

/** What a mini-program has to download for us, minified as WeChat does when it uploads one, and gzipped. */
const SIZE_LIMIT_BYTES = 9_550

/** All a mini-program of base library 2.11.0 offers that this package uses. */
const ALLOWED_GLOBALS = [
  ...['wx', 'module', 'setTimeout', 'clearTimeout', 'WeakMap'],
  ...['Date', 'Error', 'JSON', 'Infinity', 'Math', 'Number', 'Object', 'Promise', 'String', 'TypeError', 'undefined'],
]

// As CommonJS from the start: esbuild's conversion of `export` brings half a kilobyte of helpers.
const ENTRY = `
  import { AuthError, createAuth, isAuthError } from './src/index.ts'
  module.exports = { AuthError, createAuth, isAuthError }
`

/**
 * Returns the size in bytes.
 *
 * @throws Error when the file is too large, not ES2015, or uses a global that mini-programs may not have
 */
export async function buildClient(): Promise<number> {
  const bundled = await bundle()
  checkSyntaxAndGlobals(bundled)
  const { code = '' } = await minify(bundled, {
    ecma: 2015,
    toplevel: true,
    compress: { passes: 3, unsafe_arrows: true },
  })
  const size = gzipSync(code, { level: 9 }).length
  const figure = `${inKb(size)} minified and gzipped (limit ${inKb(SIZE_LIMIT_BYTES)})`
  if (size > SIZE_LIMIT_BYTES) throw new Error(`@weapp-auth/client is ${figure}`)
  mkdirSync(DIST, { recursive: true })
  writeFileSync(join(DIST, 'index.js'), bundled)
  copyTypes()
  process.stderr.write(`@weapp-auth/client: ${figure}, dependencies: none\n`)
  return size
}

function inKb(bytes: number): string {
  return `${(bytes / 1000).toFixed(2)} kB`
}

const BUNDLE = {
  stdin: { contents: ENTRY, resolveDir: FOLDER, loader: 'ts' },
  bundle: true,
  write: false,
  format: 'cjs',
  platform: 'neutral',
  target: 'es2015',
  charset: 'utf8',
  banner: { js: '"use strict";' },
  logLevel: 'warning',
  logOverride: { 'commonjs-variable-in-esm': 'silent' },
} as const satisfies BuildOptions

async function bundle(): Promise<string> {
  const { outputFiles } = await build(BUNDLE)
  return outputFiles?.[0]?.text ?? ''
}

/** How many bytes of `size` each source file takes, the largest first. */
export async function sharesOf(size: number): Promise<Record<string, number>> {
  const { metafile } = await build({ ...BUNDLE, minify: true, metafile: true, outdir: DIST })
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs))
  const total = inputs.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0)
  const largestFirst = inputs.toSorted(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)
  return Object.fromEntries(largestFirst.map(([file, { bytesInOutput }]) => [file, (bytesInOutput / total) * size]))
}

/** Lint does not see what esbuild leaves in, such as `fetch` or a method newer than the oldest engine's syntax. */
export function checkSyntaxAndGlobals(source: string): void {
  const tree = parse(source, { ecmaVersion: 2015, sourceType: 'script' })
  const unknown = findGlobals(tree)
    .map(({ name }) => name)
    .filter((name) => !ALLOWED_GLOBALS.includes(name))
  if (unknown.length > 0) throw new Error(`the client's bundle uses globals WeChat may not have: ${unknown.join(', ')}`)
}

/** The types as tsc wrote them, with a copy of `shared` beside; every TypeScript resolves `./x.js` to `x.d.ts`. */
function copyTypes(): void {
  mkdirSync(join(DIST, 'shared'), { recursive: true })
  for (const file of globSync('*.d.ts', { cwd: TYPES })) {
    rewriteTypes(join(TYPES, file), join(DIST, file), './shared/index.js')
  }
  for (const file of globSync('*.d.ts', { cwd: SHARED_TYPES })) {
    rewriteTypes(join(SHARED_TYPES, file), join(DIST, 'shared', file), './index.js')
  }
}

function rewriteTypes(from: string, to: string, shared: string): void {
  const text = readFileSync(from, 'utf8')
    .replace(/(from\s+'\.\/[\w-]+)\.ts'/g, "$1.js'")
    .replaceAll("'@weapp-auth/shared'", `'${shared}'`)
    .replace(/\n\/\/# sourceMappingURL=.*/, '')
  writeFileSync(to, text)
}

if (import.meta.main) {
  const shares = Object.entries(await sharesOf(await buildClient()))
  process.stderr.write(shares.map(([file, bytes]) => `  ${inKb(bytes)}  ${file}\n`).join(''))
}

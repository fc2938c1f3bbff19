// Writes dist/: the page that the demonstration serves at `/`, with the example mini-program of `apps/miniprogram` in it;
// and home/: the same page with recordings in place of the service.
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import type { BuiltApp } from './src/stage/built-app.ts'
import { KINDS } from './src/timeline/kinds.ts'

const FOLDER = dirname(fileURLToPath(import.meta.url))
const ROOT = join(FOLDER, '..', '..')
const SOURCE = join(FOLDER, 'src')
const TARGET = join(FOLDER, 'dist')
/** The page with recordings in place of a service: any web host can serve this folder. */
const HOME = join(FOLDER, 'home')
const SHOP = join(ROOT, 'apps', 'miniprogram', 'dist')

/** What a visitor downloads, gzipped: everything but source listings, which are loaded on demand. */
const SIZE_LIMIT_BYTES = 200_000

/** @throws Error when the page has grown beyond its limit */
export async function buildPlayground(): Promise<void> {
  rmSync(TARGET, { recursive: true, force: true })
  mkdirSync(TARGET, { recursive: true })
  const shared: BuildOptions = {
    bundle: true,
    minify: true,
    target: 'es2022',
    outdir: TARGET,
    logLevel: 'warning',
    define: { __SOURCE_LINES__: JSON.stringify(writeSources()) },
    legalComments: 'none',
  }
  const page: BuildOptions = {
    ...shared,
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.txt': 'text' },
  }
  await build({ ...page, entryPoints: { playground: join(SOURCE, 'main.tsx') } })
  await build({ ...shared, entryPoints: { framework: join(SOURCE, 'stage', 'framework.ts') }, format: 'iife' })
  await build({ ...shared, entryPoints: { style: join(SOURCE, 'style.css'), phone: join(SOURCE, 'phone.css') } })
  copyFileSync(join(SOURCE, 'index.html'), join(TARGET, 'index.html'))
  const shop = await packShop()
  writeFileSync(join(TARGET, 'shop.json'), JSON.stringify(shop))
  reportSize()
  await buildHome(page, shop)
}

/** The static page: the same style sheets and source listings, and recordings in place of what is played live. */
async function buildHome(page: BuildOptions, { styles, tabs, titles }: BuiltApp): Promise<void> {
  rmSync(HOME, { recursive: true, force: true })
  const folder = join(HOME, 'playground')
  for (const name of ['style.css', 'phone.css', 'source']) {
    cpSync(join(TARGET, name), join(folder, name), { recursive: true })
  }
  await build({ ...page, outdir: folder, entryPoints: { playground: join(SOURCE, 'recorded', 'main.tsx') } })
  writeFileSync(join(folder, 'look.json'), JSON.stringify({ styles, tabs, titles }))
  cpSync(join(FOLDER, 'recordings'), join(folder, 'recordings'), { recursive: true })
  const html = readFileSync(join(SOURCE, 'index.html'), 'utf8')
  writeFileSync(
    join(HOME, 'index.html'),
    html.replace(/<noscript>.*<\/noscript>/, '<noscript>This page needs JavaScript.</noscript>'),
  )
}

/** The built mini-program in one file: its scripts as they are, its templates compiled, its style sheets for a browser. */
async function packShop(): Promise<BuiltApp> {
  const { compileTemplates } = await import('../../packages/emulator/dist/host/templates.js')
  const { readAppPackage } = await import('../../packages/emulator/dist/host/app-package.js')
  const text = (path: string) => readFileSync(join(SHOP, path), 'utf8')
  const files: Record<string, string> = {}
  for (const path of globSync('**/*.{js,json,wxml,wxs}', { cwd: SHOP })) files[path] = text(path)
  const templates = compileTemplates(readAppPackage({ read: (path: string) => files[path] ?? null }))

  const styles: Record<string, string> = { app: '' }
  for (const path of globSync('**/*.wxss', { cwd: SHOP }).sort()) {
    const css = toCss(text(path))
    const page = path.replace(/\.wxss$/, '')
    if (page.startsWith('pages/')) styles[page] = css
    else styles.app += css
  }
  const { tabBar, window, pages } = JSON.parse(text('app.json'))
  const titles: Record<string, string> = {}
  for (const page of pages) {
    titles[page] = JSON.parse(text(`${page}.json`)).navigationBarTitleText ?? window.navigationBarTitleText
  }
  const tabs = (tabBar?.list ?? []).map((tab: Record<string, string>) => ({
    path: tab.pagePath,
    text: tab.text,
    icon: toDataUrl(tab.iconPath),
    selectedIcon: toDataUrl(tab.selectedIconPath),
  }))
  // Templates are compiled: their sources would only be weight.
  for (const path of Object.keys(files)) if (/\.(wxml|wxs)$/.test(path)) files[path] = ''
  return { files, templates, styles, tabs, titles }
}

/** A screen is 750rpx wide, whatever its width. */
function toCss(wxss: string): string {
  return wxss.replace(/(-?\d*\.?\d+)rpx/g, (_, number) => `${Number((Number(number) / 7.5).toFixed(4))}vw`)
}

function toDataUrl(path: string | undefined): string {
  return path ? `data:image/png;base64,${readFileSync(join(SHOP, path)).toString('base64')}` : ''
}

/**
 * Lists the source files that rows of the diagram link to, as pages with a line to jump to. A place that is not found has
 * no link; a test sees to it that all are found.
 */
function writeSources(): Record<string, number> {
  const lines: Record<string, number> = {}
  const folder = join(TARGET, 'source')
  mkdirSync(folder, { recursive: true })
  for (const { source } of Object.values(KINDS)) {
    if (!source || !existsSync(join(ROOT, source.file))) continue
    const text = readFileSync(join(ROOT, source.file), 'utf8').split('\n')
    const index = text.findIndex((line) => line.includes(source.find))
    if (index >= 0) lines[`${source.file} ${source.find}`] = index + 1
    writeFileSync(join(folder, `${source.file.replaceAll('/', '_')}.html`), listing(source.file, text))
  }
  return lines
}

function listing(file: string, lines: readonly string[]): string {
  const escaped = lines.map((line) => line.replace(/[&<]/g, (character) => `&#${character.charCodeAt(0)};`))
  const rows = escaped.map((line, index) => `<span id="L${index + 1}"><i>${index + 1}</i>${line}\n</span>`)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${file}</title>
<style>
:root { color-scheme: light dark; background: light-dark(#fbfaf7, #15171a); color: light-dark(#1b1d20, #e9e7e2) }
h1 { font: 600 15px system-ui, sans-serif } pre { font: 13px/1.6 ui-monospace, monospace }
span { display: block } span:target { background: light-dark(#fff0c2, #4a3c10) }
i { display: inline-block; width: 4em; font-style: normal; color: light-dark(#5c6167, #a2a7ae) }
</style><h1>${file}</h1><pre>${rows.join('')}</pre></html>`
}

function reportSize(): void {
  const parts = globSync('*.{html,js,css,json}', { cwd: TARGET }).sort()
  const sizes = parts.map((name) => [name, gzipSync(readFileSync(join(TARGET, name))).length] as const)
  const total = sizes.reduce((sum, [, size]) => sum + size, 0)
  const list = sizes.map(([name, size]) => `${name} ${(size / 1000).toFixed(1)}`).join(', ')
  const line = `the playground: ${(total / 1000).toFixed(1)} kB gzipped (limit ${SIZE_LIMIT_BYTES / 1000} kB): ${list}`
  if (total > SIZE_LIMIT_BYTES) throw new Error(line)
  process.stderr.write(`${line}\n`)
}

if (import.meta.main) await buildPlayground()

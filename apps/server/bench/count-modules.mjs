// For `node --import`: when the program ends, one line of JSON on stderr says how many modules it has loaded of each package,
// most first. Those of Node itself do not count. A package of which only what a bundle has taken in was loaded has 0.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const loaded = new Set()
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:') && url !== import.meta.url) loaded.add(url)
    return next(url, context)
  },
})

process.on('exit', () => {
  const counts = new Map()
  for (const url of loaded) counts.set(packageOf(url), (counts.get(packageOf(url)) ?? 0) + 1)
  for (const url of loaded) for (const name of packagesInside(url)) counts.set(name, counts.get(name) ?? 0)
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  console.error(`modules: ${JSON.stringify(Object.fromEntries(sorted))}`)
})

/** esbuild writes the path of each file before what it has taken in of it. */
function packagesInside(url) {
  if (!url.includes('/bundle/')) return []
  const paths = readFileSync(fileURLToPath(url), 'utf8').match(/^\/\/ \S+\.[cm]?js$/gm) ?? []
  return paths.flatMap((path) => installedPackage(path) ?? [])
}

function installedPackage(path) {
  return [...path.matchAll(/\/node_modules\/((?:@[^/]+\/)?[^/]+)\//g)].at(-1)?.[1]
}

function packageOf(url) {
  return installedPackage(url) ?? /\/((?:packages|apps)\/[^/]+)\//.exec(url)?.[1] ?? 'elsewhere'
}

// For `node --import`: when the program ends, one line of JSON on stderr says how many modules it has loaded of each package,
// most first. Those of Node itself do not count.
import { registerHooks } from 'node:module'

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
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  console.error(`modules: ${JSON.stringify(Object.fromEntries(sorted))}`)
})

function packageOf(url) {
  const installed = [...url.matchAll(/\/node_modules\/((?:@[^/]+\/)?[^/]+)\//g)].at(-1)?.[1]
  return installed ?? /\/((?:packages|apps)\/[^/]+)\//.exec(url)?.[1] ?? 'elsewhere'
}

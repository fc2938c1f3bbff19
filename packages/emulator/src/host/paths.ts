/** The folder of `path`, '' at the top. Paths inside a mini-program are relative to its root and use `/`. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0))
}

/** `reference` as seen from `folder`; a leading `/` means the root of the mini-program. */
export function resolvePath(folder: string, reference: string): string {
  const resolved: string[] = []
  for (const part of (reference.startsWith('/') ? reference : `${folder}/${reference}`).split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') resolved.pop()
    else resolved.push(part)
  }
  return resolved.join('/')
}

/**
 * Where `name` may lie as an npm package: in the `miniprogram_npm` of `folder` and of every folder above it, nearest first.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/devtools/npm.html
 */
export function npmCandidates(folder: string, name: string): string[] {
  const candidates: string[] = []
  for (let at = folder; ; at = folderOf(at)) {
    candidates.push(resolvePath(at, `miniprogram_npm/${name}`))
    if (at === '') return candidates
  }
}

export type Query = Record<string, string>

/** `pages/a/a?id=1` in its two parts. Values stay encoded, as `onLoad` gets them in WeChat. */
export function splitUrl(url: string): { path: string; query: Query } {
  const [path = '', search = ''] = url.split('?', 2)
  const query: Query = {}
  for (const pair of search.split('&')) {
    if (pair === '') continue
    const [name = '', ...value] = pair.split('=')
    query[name] = value.join('=')
  }
  return { path, query }
}

export function joinUrl(path: string, query: Query): string {
  const search = Object.entries(query).map(([name, value]) => `${name}=${value}`)
  return search.length === 0 ? path : `${path}?${search.join('&')}`
}

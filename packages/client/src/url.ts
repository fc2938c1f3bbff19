// WeChat has no URL class in any version. What this parser does not recognise counts as another origin, so being
// stricter than the network layer can refuse a request, never hand over a token.
const ABSOLUTE = /^(https?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?(?=[/?#]|$)/i

const PRIVATE_HTTP = /^http:\/\/(localhost|\[::1\]|(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\.[\d.]+)(:\d+)?$/

/** Which absolute URL a caller's `url` means, and whether the token may go there. */
export interface Target {
  url: string
  trusted: boolean
}

/** @throws TypeError naming the option that is not an address the token may travel to */
export function createTargets(baseUrl: string, allowOrigins: readonly string[]): (url: string) => Target | null {
  const origins = [secureOrigin('baseUrl', baseUrl)]
  for (const origin of allowOrigins) origins.push(secureOrigin('allowOrigins', origin))

  return function target(url) {
    // Neither `//host` nor anything else relative has a meaning in wx.request.
    if (/^\/(?![/\\])/.test(url)) return { url: baseUrl + url, trusted: true }
    const origin = originOf(url)
    return /^https?:/i.test(url) ? { url, trusted: origins.indexOf(origin) >= 0 } : null
  }
}

function secureOrigin(option: string, url: string): string {
  const origin = originOf(url)
  const isSecure = /^https:/.test(origin) || PRIVATE_HTTP.test(origin)
  if (!isSecure || /[?#\\\s]/.test(url)) {
    throw new TypeError(`${option} must be an https URL (http for loopback and private hosts), not ${url}`)
  }
  return origin
}

/** In lower case and without the default port; empty for anything but a plain http(s) URL. */
function originOf(url: string): string {
  const [, scheme = '', host = '', port] = ABSOLUTE.exec(url) || []
  const origin = `${scheme}://${host}`.toLowerCase()
  if (!scheme) return ''
  return !port || port === (origin[4] === 's' ? '443' : '80') ? origin : `${origin}:${port}`
}

import { AuthError } from './errors.ts'

// WeChat has no URL class in any version. Only a url that begins with an allowed origin, character by character, gets the
// token. Any other spelling is refused, even if a network layer might take it for the same origin.
const ORIGIN =
  /^(https:\/\/([\w.-]+|\[[\w:]+])|http:\/\/(localhost|\[::1]|(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\.[\d.]+))(:\d+)?(?=\/|$)/

/** The absolute URL of a call, and whether the token may go there. */
export interface Target {
  url: string
  trusted: boolean
}

/**
 * Finds the target of a call.
 *
 * @throws AuthError `invalid_argument` when `url` is no address, or when it needs the token and may not get it
 */
export type Locate = (call: { url?: string; auth?: 'required' | 'optional' | 'none' }, name: string) => Target

/** @throws TypeError that names the option that is not an address the token may travel to */
export function createLocate(baseUrl: string, allowOrigins: readonly string[]): Locate {
  const origins = [originOf(baseUrl, 'baseUrl')]
  for (const origin of allowOrigins) origins.push(originOf(origin, 'allowOrigins'))

  return (call, name) => {
    const url = String(call.url)
    // Neither `//host` nor any other relative form has a meaning in `wx.request`.
    if (/^\/(?![/\\])/.test(url)) return { url: baseUrl + url, trusted: true }
    if (!/^https?:\/\//i.test(url)) {
      throw new AuthError('invalid_argument', `${name}:fail url must begin with one / or be an absolute URL`)
    }
    const trusted = origins.some((origin) => url.indexOf(origin) === 0 && /^([/?#]|$)/.test(url.slice(origin.length)))
    if (!trusted && (call.auth || 'required') === 'required') {
      throw new AuthError('invalid_argument', `${name}:fail the token may not go to that origin, see allowOrigins`)
    }
    return { url, trusted }
  }
}

function originOf(url: string, option: string): string {
  const [origin] = ORIGIN.exec(url) || []
  if (!origin || /[?#\\\s]/.test(url)) {
    throw new TypeError(`${option} must be an https URL (http for loopback and private hosts), not ${url}`)
  }
  return origin
}

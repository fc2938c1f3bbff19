import { isIPv6 } from 'node:net'

const PRIVATE_IPV4 = /^(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\./
/** ::1, fc00::/7 and fe80::/10. */
const PRIVATE_IPV6 = /^(::1$|f[cd][\da-f]{2}:|fe[89ab][\da-f]:)/
/** Names of the own network: a name without a dot, e.g. of a container, and names under `.internal` and `.local`. */
const PRIVATE_NAME = /^[^.]+$|\.(internal|local)$/

/**
 * Whether signed calls, which hold user data, may go to an address: https, or http to this machine or a private network.
 * It must not hold a user, a password or a fragment; it may hold a query.
 */
export function isHookAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url === null) return false
  if (url.username !== '' || url.password !== '' || url.hash !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isPrivate(url.hostname))
}

/** @param host of a parsed address, so that an IPv4 address has its usual form */
function isPrivate(host: string): boolean {
  const address = host.replace(/[[\]]/g, '')
  if (isIPv6(address)) return PRIVATE_IPV6.test(address)
  return /^[\d.]+$/.test(host) ? PRIVATE_IPV4.test(host) : PRIVATE_NAME.test(host)
}

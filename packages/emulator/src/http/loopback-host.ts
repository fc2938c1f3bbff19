/** `localhost`, a name under it, `127.x.x.x` or `[::1]`, with or without a port. */
const LOOPBACK_HOST = /^(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])\.?(?::\d{1,5})?$/i

/**
 * Whether a `Host` header names this machine. A page of another site can point a name of its own at 127.0.0.1 (DNS
 * rebinding) and then read what it was answered; the browser still sends that page's name.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && LOOPBACK_HOST.test(host)
}

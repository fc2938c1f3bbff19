import type { IncomingMessage, ServerResponse } from 'node:http'
import helmet, { type HelmetOptions } from 'helmet'

/** What a page may load, by directive: `{ 'img-src': ["'self'"] }`. */
type Directives = Record<string, string[]>

/** What answers here is JSON. A page says what it needs, on its route. */
const NOTHING: Directives = { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] }

/**
 * The security headers of helmet, made once. `@fastify/helmet` sets all of helmet up anew for every request, which took three
 * hundredths of a sign-in.
 */
export function securityHeaders(directives: Directives = NOTHING): Record<string, string> {
  const options: HelmetOptions = {
    contentSecurityPolicy: { useDefaults: false, directives },
    // Of the other names in this domain we know nothing.
    strictTransportSecurity: { includeSubDomains: false },
  }
  const headers: Record<string, string> = {}
  const response = {
    setHeader(name: string, value: string) {
      headers[name] = value
    },
    removeHeader() {},
  }
  // Helmet reads nothing of the request, and calls only these two functions of the response. It fails only for directives that are
  // functions, and there are none.
  helmet(options)({} as IncomingMessage, response as unknown as ServerResponse, () => {})
  return headers
}

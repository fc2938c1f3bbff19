import type { Transport } from './transport.ts'

/** Real HTTP from inside a browser. Stands in for `http-transport.ts` there, see "browser" in package.json. */
export const httpTransport: Transport = async ({ url, method, header, body, signal }) => {
  // No cookies, no cache: a phone's request carries what the mini-program set and nothing of the page around it.
  const init = { method, signal, redirect: 'manual', credentials: 'omit', cache: 'no-store' } as const
  const response = await fetch(url, { ...init, headers: allowedIn(header), ...(body !== undefined && { body }) })
  const answer = new Uint8Array(await response.arrayBuffer())
  return { statusCode: response.status, header: Object.fromEntries(response.headers), body: answer }
}

/** A browser sets these itself and refuses them from a page. */
const OF_THE_BROWSER = new Set(['referer', 'user-agent', 'host', 'content-length', 'accept-encoding', 'connection'])

function allowedIn(header: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(header).filter(([name]) => !OF_THE_BROWSER.has(name.toLowerCase())))
}

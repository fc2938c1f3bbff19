/*
 * A page in a browser cannot set the headers of a WebSocket; of all that goes out it chooses the subprotocols alone. So there
 * the emulated phone packs its headers into a subprotocol, and the service that serves the page unpacks them.
 */

/** The subprotocol that the service answers with. A browser refuses a connection that answers with none of those it offered. */
const NAME = 'weapp-emulator'

/** Decides how the connection is made, or is the browser's own. */
const NOT_OURS = /^(sec-.*|host|connection|upgrade|origin)$/

/** The subprotocols that carry `header`, in place of those that the app asked for. */
export function packSocketHeaders(header: Record<string, string>, protocols: readonly string[]): string[] {
  const bytes = new TextEncoder().encode(JSON.stringify(header))
  const packed = btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (char) => ({ '+': '-', '/': '_' })[char] ?? '')
  return [...protocols, NAME, `${NAME}.${packed}`]
}

/**
 * Puts the headers of a phone in a browser where they would be if it had sent them itself. Call it before anything reads them,
 * and only while the emulator is on. Other requests stay as they are.
 */
export function unpackSocketHeaders(headers: Record<string, string | string[] | undefined>): void {
  const protocols = String(headers['sec-websocket-protocol'] ?? '').split(/ *, */)
  const packed = protocols.find((protocol) => protocol.startsWith(`${NAME}.`))
  if (packed === undefined) return
  headers['sec-websocket-protocol'] = protocols.filter((protocol) => protocol !== packed).join(', ')
  for (const [name, value] of Object.entries(parse(packed.slice(NAME.length + 1)))) {
    if (typeof value === 'string' && !NOT_OURS.test(name)) headers[name] = value
  }
}

function parse(packed: string): object {
  try {
    const bytes = Uint8Array.from(atob(packed.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0))
    return Object(JSON.parse(new TextDecoder().decode(bytes))) as object
  } catch {
    return {}
  }
}

/** Opens one WebSocket and tells what becomes of it, until `closed` or `failed`. */
export type SocketTransport = (request: SocketRequest, tell: SocketEvents) => Connection

/** What the device asks for when it opens a WebSocket. */
export interface SocketRequest {
  url: string
  header: Record<string, string>
  protocols: string[]
}

/** What a connection tells the device. */
export interface SocketEvents {
  opened(): void
  message(data: string | ArrayBuffer): void
  closed(code: number, reason: string): void
  /** It never opened, or broke. */
  failed(): void
}

/** One open WebSocket, as the device uses it. */
export interface Connection {
  send(data: string | ArrayBuffer): void
  close(code: number, reason: string): void
}

/** Tells what becomes of a WebSocket of Node or of a browser. */
export function connectWebSocket(socket: WebSocket, tell: SocketEvents): Connection {
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('open', () => tell.opened())
  socket.addEventListener('message', ({ data }) => tell.message(data as string | ArrayBuffer))
  socket.addEventListener('error', () => tell.failed())
  socket.addEventListener('close', ({ code, reason }) => tell.closed(code, reason))
  return {
    send: (data) => socket.send(data),
    // Codes that a peer may not send, such as 1001, are refused.
    close: (code, reason) => (code === 1000 || code >= 3000 ? socket.close(code, reason) : socket.close()),
  }
}

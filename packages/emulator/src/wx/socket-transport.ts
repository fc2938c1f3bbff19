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

/** Node's own WebSocket, which unlike a browser's takes headers. */
interface WebSocketInit {
  protocols: string[]
  headers: Record<string, string>
}

export const webSocketTransport: SocketTransport = ({ url, header, protocols }, tell) => {
  const Socket = WebSocket as unknown as new (url: string, init: WebSocketInit) => WebSocket
  const socket = new Socket(url, { protocols, headers: header })
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('open', () => tell.opened())
  socket.addEventListener('message', ({ data }) => tell.message(data as string | ArrayBuffer))
  socket.addEventListener('error', () => tell.failed())
  socket.addEventListener('close', ({ code, reason }) => tell.closed(code, reason))
  return {
    send: (data) => socket.send(data),
    // Node refuses codes that a peer may not send, such as 1001.
    close: (code, reason) => (code === 1000 || code >= 3000 ? socket.close(code, reason) : socket.close()),
  }
}

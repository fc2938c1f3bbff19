import { connectWebSocket, type SocketTransport } from './web-socket.ts'

/** Node's own WebSocket, which unlike a browser's takes headers. */
interface WebSocketInit {
  protocols: string[]
  headers: Record<string, string>
}

/** A WebSocket from Node. */
export const webSocketTransport: SocketTransport = ({ url, header, protocols }, tell) => {
  const Socket = WebSocket as unknown as new (url: string, init: WebSocketInit) => WebSocket
  return connectWebSocket(new Socket(url, { protocols, headers: header }), tell)
}

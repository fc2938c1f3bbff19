import { packSocketHeaders } from './socket-headers.ts'
import { connectWebSocket, type SocketTransport } from './web-socket.ts'

/** A WebSocket from inside a browser. Stands in for `socket-transport.ts` there, see "browser" in package.json. */
export const webSocketTransport: SocketTransport = ({ url, header, protocols }, tell) =>
  connectWebSocket(new WebSocket(url, packSocketHeaders(header, protocols)), tell)

// Counts round trips on the way to a server: a TCP proxy that notices each time the speaker changes to the client.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface CountedServer {
  /** The server's URL, by way of the proxy. */
  url: string
  /** Round trips so far, of all connections together. What is sent before the answer to the last has come is one more. */
  count(): number
  close(): void
}

/** Stands before the server at `url`, and counts. */
export async function countRoundTrips(url: string): Promise<CountedServer> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let trips = 0
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname)
    let isServersTurn = false
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.on('data', (chunk) => {
        if (from === client && !isServersTurn) trips++
        isServersTurn = from === client
        to.write(chunk)
      })
    }
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((proxy.address() as AddressInfo).port)
  return {
    url: through.href.replace(/\/$/, ''),
    count: () => trips,
    close() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Network {
  /** The way to the server through this network. */
  url: string
  /** Loses every connection there is without a word to either side; new ones work. */
  lose(): void
  /** Loses those to come as well: the server is gone. */
  vanish(): void
  /** Makes every answer so much later. */
  delay(ms: number): void
}

/** A network between the service and the server at `target`, for this test alone; by default on a free port. */
export async function createNetwork(target: string, { host = '127.0.0.1', port: ownPort = 0 } = {}): Promise<Network> {
  const { hostname, port } = new URL(target)
  const open = new Set<Socket>()
  let delayMs = 0
  const lost = new WeakSet<Socket>()
  let isGone = false
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    const relay = (from: Socket, to: Socket) => {
      open.add(from)
      from.on('data', (chunk) => {
        if (lost.has(from)) return
        // Timers of one length keep their order.
        if (delayMs > 0 && from === far) setTimeout(() => to.write(chunk), delayMs)
        else to.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => {
        open.delete(from)
        if (!lost.has(from)) to.destroy()
      })
    }
    relay(near, far)
    relay(far, near)
    if (isGone) for (const socket of [near, far]) lost.add(socket)
  })
  server.listen(ownPort, host)
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const lose = () => {
    for (const socket of open) lost.add(socket)
  }
  const url = new URL(target)
  url.host = `${host}:${(server.address() as { port: number }).port}`
  return {
    url: url.href,
    delay: (ms) => {
      delayMs = ms
    },
    lose,
    vanish: () => {
      isGone = true
      lose()
    },
  }
}

import { once } from 'node:events'
import { createConnection } from 'node:net'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { startMariaDb } from '../src/index.ts'

describe.skipIf(inject('mysqlUrl') === null)('a MariaDB of its own', () => {
  test('listens, can be killed, comes back at the same address, and stops', async () => {
    const server = await startMariaDb()
    onTestFinished(() => server.stop())
    expect(await greetingOf(server.url)).toContain('MariaDB')
    await server.kill()
    await expect(greetingOf(server.url)).rejects.toThrow('ECONNREFUSED')
    await server.start()
    expect(await greetingOf(server.url)).toContain('MariaDB')
  })

  test('that does not start tells why', async () => {
    await expect(startMariaDb({ settings: ['no-such-setting=1'] })).rejects.toThrow(/unknown variable 'no-such-setting/)
  })
})

/** What the server says to whoever connects: https://mariadb.com/kb/en/connection/#initial-handshake-packet */
async function greetingOf(url: string): Promise<string> {
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const [packet] = await once(socket, 'data')
  return String(packet)
}

import { once } from 'node:events'
import { type AddressInfo, createServer, Socket } from 'node:net'
import { CompiledQuery, Kysely } from 'kysely'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { mysqlServer } from '../src/mysql.ts'
import { postgresServer } from '../src/postgres.ts'
import { findServer } from '../src/stores.ts'
import { createNetwork } from './network.ts'
import { connectTo, MYSQL, POSTGRES } from './sql.ts'

const failure = (code: string | undefined, message = '') => Object.assign(new Error(message), { code })

describe.each([
  {
    server: postgresServer('postgres://127.0.0.1/x'),
    away: ['ECONNREFUSED', 'ENOTFOUND', '57P01', '57P02', '57P03', '53300'],
    awayInWords: ['Connection terminated unexpectedly', 'timeout exceeded when trying to connect'],
    there: ['57P04', '57014', '23505', '42P01', '28P01', 'x57P01', '533001'],
  },
  {
    server: mysqlServer('mysql://127.0.0.1/x'),
    away: [
      ...['ECONNREFUSED', 'ETIMEDOUT', 'PROTOCOL_CONNECTION_LOST'],
      ...['ER_CON_COUNT_ERROR', 'ER_SERVER_SHUTDOWN', 'ER_TOO_MANY_USER_CONNECTIONS'],
    ],
    awayInWords: [
      'Can’t add new command when connection is in closed state',
      'Pool is closed.',
      'timeout: no connection',
    ],
    there: ['ER_DUP_ENTRY', 'ER_ACCESS_DENIED_ERROR', 'ER_LOCK_WAIT_TIMEOUT', 'xECONNREFUSED', 'ER_SERVER_SHUTDOWN_X'],
  },
])('$server.name', ({ server, away, awayInWords, there }) => {
  test(`a ${server.name} that is away, starts, stops or is full is told from one that refuses a statement`, () => {
    for (const code of away) expect([code, server.isAway(failure(code))]).toEqual([code, true])
    for (const text of awayInWords) expect([text, server.isAway(failure(undefined, text))]).toEqual([text, true])
    for (const code of there) expect([code, server.isAway(failure(code, 'no timeout'))]).toEqual([code, false])
  })
})

describe.each([
  ['PostgreSQL', (port: number) => postgresServer(`postgres://user@127.0.0.1:${port}/x`)],
  ['MySQL', (port: number) => mysqlServer(`mysql://user@127.0.0.1:${port}/x`)],
])('the question whether %s answers', (name, at) => {
  async function listen() {
    const server = createServer()
    onTestFinished(() => void server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { server, port: (server.address() as AddressInfo).port }
  }

  test(`the question whether ${name} answers ends at once where nothing listens, and the process goes on`, async () => {
    const { server, port } = await listen()
    await once(server.close(), 'close')
    await new Promise<void>((resolve) => onTestFinished(at(port).greet(resolve)))
  })

  test(`the question whether ${name} answers leaves no connection behind when it is given up`, async () => {
    const { server, port } = await listen()
    const close = at(port).greet(() => {})
    const [connection]: Socket[] = await once(server, 'connection')
    const ended = once(connection?.resume() as Socket, 'close')
    close()
    await ended
  })
})

describe.each([POSTGRES, MYSQL])('connections to $name', ({ name, url, own, end }) => {
  test.skipIf(url === null)(
    `a connection to ${name} that was lost without a word is given up for its silence`,
    async () => {
      const { setTimeout } = Socket.prototype
      // The limit of six seconds without an answer is shortened to a tenth in this test.
      vi.spyOn(Socket.prototype, 'setTimeout').mockImplementation(function (this: Socket, ms, onTimeout) {
        return setTimeout.call(this, ms / 10, onTimeout)
      })
      onTestFinished(() => void vi.restoreAllMocks())
      const network = await createNetwork(url ?? '')
      const { dialect } = (await findServer(network.url)).connect(() => {})
      const db = new Kysely<unknown>({ dialect })
      onTestFinished(() => db.destroy())
      const ask = async () => (await db.executeQuery<{ id: unknown }>(CompiledQuery.raw(own))).rows[0]?.id
      const id = await ask()
      network.lose()
      await expect(ask()).rejects.toThrow('the connection went silent')
      expect(await ask()).not.toBe(id)
    },
  )

  test.skipIf(url === null)(`${name} is heard to answer`, async () => {
    const server = await findServer(url ?? '')
    await new Promise<void>((resolve) => onTestFinished(server.greet(resolve)))
  })

  test.skipIf(url === null).each(['connect', 'connectForMigrations'] as const)(
    `a connection to ${name} that the server ends is told of, the process goes on, and so does the next statement: %s`,
    async (way) => {
      const server = await findServer(url ?? '')
      const broken: Error[] = []
      const opened = server[way]((error) => void broken.push(error))
      const db = new Kysely<unknown>({ dialect: 'dialect' in opened ? opened.dialect : opened })
      onTestFinished(() => db.destroy())
      const ask = async () => (await db.executeQuery<{ id: unknown }>(CompiledQuery.raw(own))).rows[0]?.id
      const id = await ask()
      expect(await ask()).toBe(id)
      await (await connectTo(url ?? '')).query(end(id))
      await vi.waitFor(() => expect(broken.length).toBeGreaterThan(0))
      expect(await ask()).not.toBe(id)
    },
  )
})

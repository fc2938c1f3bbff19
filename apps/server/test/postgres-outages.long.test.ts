import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { CompiledQuery } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { environment, isAvailable } from './service.ts'
import { POSTGRES } from './sql.ts'
import { openUsers, sqlOutages, usersIn } from './sql-outages.ts'
import { storeOutages } from './store-outages.ts'

describe.skipIf(!isAvailable('shared'))('PostgreSQL', () => {
  storeOutages(usersIn(POSTGRES))
  sqlOutages(POSTGRES)

  test('PostgreSQL is asked for nothing at the start that PgBouncer refuses, and ends a statement nobody waits for', async () => {
    const parameters: string[] = []
    const bouncer = createServer((socket) =>
      socket.once('data', (packet) => {
        parameters.push(
          ...packet
            .subarray(8)
            .toString()
            .split('\0')
            .filter((_, index) => index % 2 === 0),
        )
        socket.destroy()
      }),
    ).listen(0, '127.0.0.1')
    onTestFinished(() => void bouncer.close())
    await once(bouncer, 'listening')
    const { port } = bouncer.address() as AddressInfo
    const refused = await openUsers(`postgres://a@127.0.0.1:${port}/b`)
    await refused.close()
    // What PgBouncer takes: https://www.pgbouncer.org/config.html#ignore_startup_parameters
    expect(new Set(parameters.filter(Boolean))).toEqual(new Set(['user', 'database', 'client_encoding']))

    const { DATABASE_URL = '' } = await environment('shared')
    const { db, close } = await openUsers(DATABASE_URL)
    const { rows } = await db.executeQuery(CompiledQuery.raw('show statement_timeout'))
    expect(rows).toEqual([{ statement_timeout: '4s' }])
    await close()
  })
})

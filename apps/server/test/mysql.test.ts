import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { CompiledQuery, type Dialect, Kysely, sql } from 'kysely'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { mysqlServer } from '../src/mysql.ts'
import { connectTo, MYSQL } from './sql.ts'

const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])

test.for([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '[::1]'],
])('a MySQL at %s is greeted', async ([address, host], { skip }) => {
  skip(!addresses.some((each) => each.address === address), 'this machine has no such address')
  const server = createServer((socket) => socket.end('hello'))
  onTestFinished(() => void server.close())
  await once(server.listen(0, address), 'listening')
  const { port } = server.address() as AddressInfo
  const said = await new Promise((resolve) => {
    onTestFinished(mysqlServer(`mysql://user@${host}:${port}/weapp`).greet((...answer) => resolve(answer)))
  })
  expect(String(said)).toBe('hello')
})

describe.skipIf(MYSQL.url === null)('a connection to MySQL', () => {
  const server = () => mysqlServer(MYSQL.url ?? '')
  function open(dialect: Dialect): Kysely<unknown> {
    const db = new Kysely<unknown>({ dialect })
    onTestFinished(() => db.destroy())
    return db
  }
  const variables = async (db: Kysely<unknown>, scope: 'status' | 'variables', ...names: string[]) => {
    const statement = `show session ${scope} where variable_name in (${names.map((name) => `'${name}'`)})`
    const { rows } = await db.executeQuery<{ Variable_name: string; Value: string }>(CompiledQuery.raw(statement))
    return Object.fromEntries(rows.map(({ Variable_name, Value }) => [Variable_name, Value]))
  }

  test('a connection to MySQL refuses texts that are too long and waits for no lock for long, whatever the server is set to', async () => {
    const { dialect } = server().connect(() => {})
    const names = ['sql_mode', 'innodb_lock_wait_timeout', 'lock_wait_timeout']
    expect(await variables(open(dialect), 'variables', ...names)).toEqual({
      sql_mode: 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
      innodb_lock_wait_timeout: '4',
      lock_wait_timeout: '4',
    })
    const isolation = await variables(open(server().connect(() => {}).dialect), 'variables', 'tx_isolation')
    expect(Object.values(isolation)).toEqual(['READ-COMMITTED'])
  })

  test('values travel to MySQL apart from their statement, and a statement without values is not prepared', async () => {
    const db = open(server().connectForMigrations(() => {}))
    const value = `it's "\\" ?`
    expect((await sql`select ${value} as value`.execute(db)).rows).toEqual([{ value }])
    await sql`select 1`.execute(db)
    expect(await variables(db, 'status', 'Com_stmt_execute')).toEqual({ Com_stmt_execute: '1' })
  })

  test('a connection to MySQL that nobody uses is closed after five seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const db = open(server().connect(() => {}).dialect)
    const { rows } = await sql<{ id: number }>`select connection_id() as id`.execute(db)
    const admin = await connectTo(MYSQL.url ?? '')
    const isOpen = async () =>
      (await admin.query(`select id from information_schema.processlist where id = ${rows[0]?.id}`)).length > 0
    await vi.advanceTimersByTimeAsync(4_000)
    expect(await isOpen()).toBe(true)
    await vi.advanceTimersByTimeAsync(3_000)
    vi.useRealTimers()
    await vi.waitFor(async () => expect(await isOpen()).toBe(false), 3_000)
  })

  test('a connection that comes after nobody waits for it any more is free for the next statement', async () => {
    const db = open(server().connectForMigrations(() => {}))
    const ask = () => sql`select 1 as one`.execute(db)
    await db.connection().execute(async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const late = ask().catch((error: Error) => error.message)
      await vi.advanceTimersByTimeAsync(2_000)
      vi.useRealTimers()
      expect(await late).toBe('timeout: no connection was free')
    })
    expect((await ask()).rows).toEqual([{ one: 1 }])
  })
})

import { randomUUID } from 'node:crypto'
import type {} from '@weapp-auth/test-servers'
import { Kysely, type KyselyPlugin, MysqlDialect, PostgresDialect } from 'kysely'
import { createPool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { inject } from 'vitest'
import { migrateUsers, openSqliteUsers, type UsersDatabase } from '../src/index.ts'

/** A database for tests alone. */
export interface OpenDatabase {
  db: Kysely<UsersDatabase>
  /** Removes it. */
  close(): Promise<void>
}

const postgresUrl = inject('databaseUrl')
const mysqlUrl = inject('mysqlUrl')

/** The engines that this run has a server for. Each opener makes a database of its own, with the tables of the users. */
export const ENGINES: readonly (readonly [name: string, open: () => Promise<OpenDatabase>])[] = [
  ['SQLite', openSqlite],
  ...(postgresUrl ? ([['PostgreSQL', () => withTables(openEmptyPostgres(postgresUrl, 8))]] as const) : []),
  ...(mysqlUrl ? ([['MySQL or MariaDB', () => withTables(openEmptyMysql(mysqlUrl, 8))]] as const) : []),
]

/** In memory, with the tables of the users. */
export async function openSqlite(): Promise<OpenDatabase> {
  const db = openSqliteUsers(':memory:')
  return withTables({ db, close: () => db.destroy() })
}

/** A database of its own on this server, because migrations see every schema of one. It has no table. */
export async function openEmptyPostgres(url: string, connections: number): Promise<OpenDatabase> {
  const administrate = async (statement: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  const name = newName()
  await administrate(`CREATE DATABASE ${name}`)
  const pool = new pg.Pool({ connectionString: at(url, name), max: connections })
  pool.on('error', () => {})
  const db = new Kysely<UsersDatabase>({ dialect: new PostgresDialect({ pool }) })
  return { db, close: () => db.destroy().then(() => administrate(`DROP DATABASE ${name} WITH (FORCE)`)) }
}

/** The same on this server, of a kind that a team may have: its texts are Latin-1 unless a table says otherwise. */
export async function openEmptyMysql(url: string, connections: number): Promise<OpenDatabase> {
  const administrate = async (statement: string) => {
    const connection = await createConnection(url)
    await connection.query(statement)
    await connection.end()
  }
  const name = newName()
  await administrate(`CREATE DATABASE ${name} CHARACTER SET latin1`)
  const pool = createPool({ uri: at(url, name), connectionLimit: connections })
  const db = new Kysely<UsersDatabase>({ dialect: new MysqlDialect({ pool }), plugins: [noReturning] })
  return { db, close: () => db.destroy().then(() => administrate(`DROP DATABASE ${name}`)) }
}

/** MariaDB answers with the rows that an INSERT or a DELETE has changed. MySQL does not, and must work too. */
const noReturning: KyselyPlugin = {
  transformQuery: ({ node }) => {
    if ('returning' in node && node.returning) throw new Error('MySQL knows no RETURNING')
    return node
  },
  transformResult: async ({ result }) => result,
}

/** The same database, where `work` is done as soon as the first row with this column has been read, and before that is answered. */
export function afterFirst(
  column: string,
  db: Kysely<UsersDatabase>,
  work: () => Promise<unknown>,
): Kysely<UsersDatabase> {
  let isFirst = true
  return db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      if (!isFirst || !result.rows.some((row) => column in row)) return result
      isFirst = false
      await work()
      return result
    },
  })
}

async function withTables(opening: OpenDatabase | Promise<OpenDatabase>): Promise<OpenDatabase> {
  const opened = await opening
  await migrateUsers(opened.db)
  return opened
}

function newName(): string {
  return `test_${randomUUID().replaceAll('-', '')}`
}

function at(url: string, database: string): string {
  const own = new URL(url)
  own.pathname = `/${database}`
  return own.href
}

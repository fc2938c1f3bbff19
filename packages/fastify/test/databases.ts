import { randomUUID } from 'node:crypto'
import type {} from '@weapp-auth/test-servers'
import { Kysely, MysqlDialect, PostgresDialect } from 'kysely'
import { createPool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { inject } from 'vitest'
import { migrateUsers, openSqliteUsers, type UsersDatabase } from '../src/index.ts'

/** A database of the users, empty and up to date. */
export interface OpenDatabase {
  db: Kysely<UsersDatabase>
  /** Removes it. */
  close(): Promise<void>
}

const postgresUrl = inject('databaseUrl')
const mysqlUrl = inject('mysqlUrl')

/** The engines that this run has a server for. Each opener makes a database of its own. */
export const ENGINES: readonly (readonly [name: string, open: () => Promise<OpenDatabase>])[] = [
  ['SQLite', openSqlite],
  ...(postgresUrl ? ([['PostgreSQL', () => openPostgres(postgresUrl)]] as const) : []),
  ...(mysqlUrl ? ([['MySQL or MariaDB', () => openMysql(mysqlUrl)]] as const) : []),
]

/** In memory. */
export async function openSqlite(): Promise<OpenDatabase> {
  return prepare(openSqliteUsers(':memory:'), async () => {})
}

async function openPostgres(url: string): Promise<OpenDatabase> {
  const administrate = async (statement: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administrate(`CREATE DATABASE ${name}`)
  const pool = new pg.Pool({ connectionString: at(url, name), max: 8 })
  pool.on('error', () => {})
  return prepare(new Kysely({ dialect: new PostgresDialect({ pool }) }), () =>
    administrate(`DROP DATABASE ${name} WITH (FORCE)`),
  )
}

async function openMysql(url: string): Promise<OpenDatabase> {
  const administrate = async (statement: string) => {
    const connection = await createConnection(url)
    await connection.query(statement)
    await connection.end()
  }
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administrate(`CREATE DATABASE ${name} CHARACTER SET latin1`)
  const pool = createPool({ uri: at(url, name), connectionLimit: 8 })
  return prepare(new Kysely({ dialect: new MysqlDialect({ pool }) }), () => administrate(`DROP DATABASE ${name}`))
}

async function prepare(db: Kysely<UsersDatabase>, drop: () => Promise<void>): Promise<OpenDatabase> {
  await migrateUsers(db)
  return {
    db,
    close: async () => {
      await db.destroy()
      await drop()
    },
  }
}

function at(url: string, database: string): string {
  const own = new URL(url)
  own.pathname = `/${database}`
  return own.href
}

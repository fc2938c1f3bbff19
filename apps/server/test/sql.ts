import { randomBytes } from 'node:crypto'
import { migrateUsers, type UsersDatabase } from '@weapp-auth/fastify'
import { type OwnServer, startMariaDb, startPostgres } from '@weapp-auth/test-servers'
import { Kysely } from 'kysely'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { inject, onTestFinished } from 'vitest'
import { findServer } from '../src/stores.ts'

/** A connection of a test's own, beside those of the service. */
export interface Admin {
  query(statement: string): Promise<Record<string, unknown>[]>
  end(): Promise<unknown>
}

/** The servers that users may be kept in: what tests do to each of them. */
export interface SqlEngine {
  /** As the service calls it in its log. */
  name: string
  /** Of the server that a whole test run shares; null where it cannot be had. */
  url: string | null
  /** A server of the test's own with 16 connections. */
  start(): Promise<OwnServer>
  /** Ends a server as its administrator does, with everybody connected. */
  stopSignal: NodeJS.Signals
  connect(url: string): Promise<Admin>
  /** Two statements: nobody else writes identities until the second. */
  lock: [string, string]
  /** The ids of all connections but this one, and the id of this one. */
  others: string
  own: string
  end(id: unknown): string
  /** Makes a user who may only read this database, and answers its name. */
  makeReader(admin: Admin, database: string): Promise<string>
}

export const POSTGRES: SqlEngine = {
  name: 'PostgreSQL',
  url: inject('databaseUrl'),
  start: () => startPostgres(['max_connections=16']),
  stopSignal: 'SIGINT',
  async connect(connectionString) {
    const client = new Client({ connectionString })
    await client.connect()
    client.on('error', () => {})
    return { query: async (statement) => (await client.query(statement)).rows, end: () => client.end() }
  },
  lock: ['begin; lock table weapp_auth_identities in access exclusive mode', 'commit'],
  others: "select pid as id from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
  own: 'select pg_backend_pid() as id',
  end: (id) => `select pg_terminate_backend(${id})`,
  async makeReader(admin, database) {
    const name = `reader_of_${database}`
    await admin.query(`create role ${name} login; revoke create on schema public from public`)
    return name
  },
}

export const MYSQL: SqlEngine = {
  name: 'MySQL',
  url: inject('mysqlUrl'),
  // What a server may be set to, and what must not matter: texts are Latin-1, quotes and backslashes mean other things, and
  // texts that are too long are cut.
  start: () =>
    startMariaDb({
      settings: [
        'max-connections=16',
        'character-set-server=latin1',
        'sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH',
        'default-time-zone=+05:45',
      ],
    }),
  stopSignal: 'SIGTERM',
  async connect(url) {
    const connection = await createConnection(url)
    connection.on('error', () => {})
    return {
      query: async (statement) => (await connection.query(statement))[0] as Record<string, unknown>[],
      end: () => connection.end(),
    }
  },
  lock: ['lock tables weapp_auth_identities write', 'unlock tables'],
  others: 'select id from information_schema.processlist where id <> connection_id()',
  own: 'select connection_id() as id',
  end: (id) => `kill ${id}`,
  async makeReader(admin, database) {
    const name = `reader_${database.slice(-12)}`
    await admin.query(`create user ${name}`)
    await admin.query(`grant select on ${database}.* to ${name}`)
    return name
  },
}

/** A database of the test's own on a server, by the address of either. */
export async function createDatabase(serverUrl: string, like = ''): Promise<string> {
  const name = `weapp_auth_${randomBytes(6).toString('hex')}`
  const admin = await connectTo(serverUrl)
  await admin.query(`create database ${name}${like}`)
  return new URL(`/${name}`, serverUrl).href
}

/** Made with the first test that needs it. */
let template: Promise<string> | undefined

/** The same on the PostgreSQL of the test run, with the tables of the users: a copy of one that was migrated once. */
export async function copyMigratedDatabase(serverUrl: string): Promise<string> {
  template ??= createMigratedDatabase(serverUrl)
  return createDatabase(serverUrl, ` template ${await template}`)
}

async function createMigratedDatabase(serverUrl: string): Promise<string> {
  const url = await createDatabase(serverUrl)
  const db = new Kysely<UsersDatabase>({ dialect: (await findServer(url)).connectForMigrations(() => {}) })
  await migrateUsers(db)
  // The service that starts on a copy says whose users they are.
  await db.deleteFrom('weapp_auth_store').execute()
  await db.destroy()
  return new URL(url).pathname.slice(1)
}

/** Ends with the test. */
export async function connectTo(url: string): Promise<Admin> {
  const admin = await (url.startsWith('mysql:') ? MYSQL : POSTGRES).connect(url)
  onTestFinished(() => void admin.end().catch(() => {}))
  return admin
}

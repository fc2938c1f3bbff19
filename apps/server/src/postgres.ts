import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrateUsers, type UsersDatabase } from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import { Kysely, PostgresDialect } from 'kysely'
import { Pool, type PoolConfig } from 'pg'

/** `query_timeout` is the one a frozen server cannot ignore. */
const POSTGRES_LIMITS = {
  max: 10,
  connectionTimeoutMillis: 2_000,
  statement_timeout: 4_000,
  query_timeout: 5_000,
  idleTimeoutMillis: 5_000,
}
/** More than any query may take, and than the pool keeps a connection that nobody uses. */
const POSTGRES_SILENCE_MS = 6_000
const RETRY_DELAY_MS = 1_000

/** Connects to PostgreSQL and brings the tables up to date; waits for a database that is away. */
export async function openPostgres(connectionString: string, log: FastifyBaseLogger): Promise<Kysely<UsersDatabase>> {
  await untilReachable(() => migratePostgres(connectionString, log), log)
  return new Kysely({
    dialect: new PostgresDialect({ pool: openPool({ connectionString, ...POSTGRES_LIMITS, stream: openSocket }, log) }),
  })
}

/**
 * A query that times out stays in its connection, and the pool hands that out again. Where a connection was lost without
 * a word (a host that died, a forgotten NAT entry) this ends it, long before TCP would.
 */
function openSocket(): Socket {
  const socket = new Socket()
  return socket.setTimeout(POSTGRES_SILENCE_MS, () => socket.destroy(new Error('the connection went silent')))
}

/** With a deadline for connecting only: it waits for a process that migrates already, and an index takes its time. */
async function migratePostgres(connectionString: string, log: FastifyBaseLogger): Promise<void> {
  const { connectionTimeoutMillis } = POSTGRES_LIMITS
  const pool = openPool({ connectionString, max: 1, connectionTimeoutMillis }, log)
  const db = new Kysely<UsersDatabase>({ dialect: new PostgresDialect({ pool }) })
  try {
    await migrateUsers(db)
  } finally {
    await db.destroy()
  }
}

/**
 * A connection that breaks is replaced at the next query. Without listeners it would end the process: the pool's own is
 * there while a connection is idle, and none is while a transaction has it.
 */
function openPool(options: PoolConfig, log: FastifyBaseLogger): Pool {
  const pool = new Pool(options)
  pool.on('error', () => {})
  pool.on('connect', (client) =>
    client.on('error', (error) =>
      log.warn({ reason: error.message }, 'a connection to the user store (PostgreSQL) broke'),
    ),
  )
  return pool
}

/** A database that is away when the service starts is waited for; one that refuses the service is not. */
async function untilReachable(connect: () => Promise<void>, log: FastifyBaseLogger): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await connect()
    } catch (error) {
      if (!isUnreachable(error)) throw error
      if (isFirst)
        log.error({ reason: messageOf(error) }, 'the user store (PostgreSQL) cannot be reached, trying again')
      await sleep(RETRY_DELAY_MS)
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** No connection, a server that starts or stops (57P01 to 57P03), or one without a connection to spare (53300). */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (/^(E[A-Z_]+|57P0[123]|53300)$/.test(code) || /^(Connection terminated|timeout)/.test(error.message)) return true
  return isUnreachable(error.cause)
}

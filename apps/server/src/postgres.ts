import { Socket } from 'node:net'
import { CompiledQuery, PostgresDialect } from 'kysely'
import { Client, Pool, type PoolConfig } from 'pg'
import {
  CONNECT_TIMEOUT_MS,
  CONNECTIONS,
  IDLE_TIMEOUT_MS,
  SILENCE_MS,
  type SqlServer,
  STATEMENT_TIMEOUT_MS,
} from './sql-server.ts'

/** `query_timeout` is the one a frozen server cannot ignore. */
const LIMITS = {
  max: CONNECTIONS,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  query_timeout: STATEMENT_TIMEOUT_MS + 1_000,
  idleTimeoutMillis: IDLE_TIMEOUT_MS,
}

/** A server that starts or stops (57P01 to 57P03), or has no connection to spare (53300). */
const AWAY = /^(E[A-Z]+|57P0[123]|53300)$/

/** Users in PostgreSQL, 14 or newer, also behind PgBouncer. */
export function postgresServer(connectionString: string): SqlServer {
  return {
    name: 'PostgreSQL',

    connect(onBroken) {
      const pool = openPool({ connectionString, ...LIMITS, stream: openSocket }, onBroken)
      const dialect = new PostgresDialect({
        pool,
        // Not as a startup parameter, which PgBouncer refuses. Where it pools by transaction this reaches only the server
        // connection behind the first query: there, set it on the role as well.
        onCreateConnection: async (connection) => {
          await connection.executeQuery(CompiledQuery.raw(`set statement_timeout = ${STATEMENT_TIMEOUT_MS}`))
        },
      })
      return { dialect, end: () => pool.end() }
    },

    connectForMigrations(onBroken) {
      const { connectionTimeoutMillis } = LIMITS
      return new PostgresDialect({ pool: openPool({ connectionString, max: 1, connectionTimeoutMillis }, onBroken) })
    },

    greet(onAnswer) {
      const socket = new Socket()
      socket.once('data', onAnswer)
      const client = new Client({ connectionString, stream: () => socket })
      client.on('error', () => {})
      client.connect().catch(onAnswer)
      return () => socket.destroy()
    },

    isAway: ({ code, message }) => AWAY.test(String(code)) || /^(Connection terminated|timeout)/.test(message),
  }
}

/** A query that times out stays in its connection, and the pool hands that out again: the silence of its socket ends it. */
function openSocket(): Socket {
  const socket = new Socket()
  return socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('the connection went silent')))
}

/**
 * A connection that breaks is replaced at the next query. Without listeners it would end the process: the pool's own is
 * there while a connection is idle, and none is while a transaction has it.
 */
function openPool(options: PoolConfig, onBroken: (error: Error) => void): Pool {
  const pool = new Pool(options)
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', onBroken))
  return pool
}

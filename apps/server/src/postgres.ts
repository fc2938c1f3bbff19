import { Socket } from 'node:net'
import { findStatementName } from '@weapp-auth/fastify'
import { PostgresDialect } from 'kysely'
import { Client, type ClientBase, Pool, type PoolConfig, type QueryResult } from 'pg'
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

/** "Cached plan must not change result type": PostgreSQL calls it a feature that is not supported. */
const TABLE_CHANGED = '0A000'

/** Users in PostgreSQL, 14 or newer, also behind PgBouncer. */
export function postgresServer(connectionString: string): SqlServer {
  return {
    name: 'PostgreSQL',

    connect(onBroken) {
      const prepareByName = createPreparing()
      const pool = openPool(
        {
          connectionString,
          ...LIMITS,
          stream: openSocket,
          onConnect: async (client) => {
            if (await greetConnection(client)) prepareByName(client)
          },
        },
        onBroken,
      )
      return { dialect: new PostgresDialect({ pool }), end: () => pool.end() }
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

/**
 * Limits the statements of a new connection. Not by a startup parameter, which PgBouncer refuses. Where it pools by transaction
 * this reaches only the server connection behind the first query: there, set it on the role as well.
 *
 * @returns whether the connection leads to one process of PostgreSQL for good. Both name the process that would be asked to cancel
 * a statement: PostgreSQL its own, and a pooler that gives a connection to one transaction at a time a number of its own making,
 * because it does not know yet which process will have the statement.
 */
async function greetConnection(client: ClientBase): Promise<boolean> {
  const text = `select set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', false), pg_backend_pid() as pid`
  const { rows } = await client.query<{ pid: number }>(text)
  return rows[0]?.pid === (client as { processID?: unknown }).processID
}

/**
 * Of a statement that a connection has prepared before, PostgreSQL needs neither the text nor, most times, a new plan. What was
 * prepared is void once a newer version of the service has changed a table: from then on nothing is prepared any more, and the
 * user store does the work again that met it.
 */
function createPreparing(): (client: ClientBase) => void {
  let isPreparing = true
  const stopWhenChanged = (error: { code?: unknown }) => {
    if (error.code === TABLE_CHANGED) isPreparing = false
    throw error
  }

  return (client) => {
    const query = client.query.bind(client) as (what: unknown, values?: unknown) => Promise<QueryResult>
    const send = (what: unknown, values?: unknown) => {
      const name = isPreparing && typeof what === 'string' ? findStatementName(what) : null
      return name === null ? query(what, values) : query({ name, text: what, values }).catch(stopWhenChanged)
    }
    client.query = send as never
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

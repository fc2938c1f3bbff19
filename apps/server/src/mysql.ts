import { connect, type Socket } from 'node:net'
import { CompiledQuery, MysqlDialect, type MysqlPool, type MysqlPoolConnection } from 'kysely'
import { createPool, type Pool, type PoolConnection } from 'mysql2'
import {
  CONNECT_TIMEOUT_MS,
  CONNECTIONS,
  IDLE_TIMEOUT_MS,
  SILENCE_MS,
  type SqlServer,
  STATEMENT_TIMEOUT_MS,
} from './sql-server.ts'

const STATEMENT_TIMEOUT_SECONDS = STATEMENT_TIMEOUT_MS / 1000

/**
 * What every connection sets, whatever the server's own settings are: a text that is too long is refused and not cut, a lock
 * is not waited for any longer than a statement may take, and a read sees what is committed.
 */
const SETTINGS = [
  `set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
   innodb_lock_wait_timeout = ${STATEMENT_TIMEOUT_SECONDS}, lock_wait_timeout = ${STATEMENT_TIMEOUT_SECONDS}`,
  'set session transaction isolation level read committed',
]

/**
 * Node's own codes, a lost connection, a server that stops (1053), or one without a connection to spare (1040, 1203).
 * https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
 */
const AWAY = /^(E(?!R_)[A-Z]+|PROTOCOL_CONNECTION_LOST|ER_(CON_COUNT_ERROR|SERVER_SHUTDOWN|TOO_MANY_USER_CONNECTIONS))$/

/** Users in MySQL 8, MariaDB 10.6 or newer, or TiDB. */
export function mysqlServer(uri: string): SqlServer {
  const dialect = (limit: number, onBroken: (error: Error) => void) => {
    const pool = openPool(uri, limit, onBroken)
    return {
      pool,
      dialect: new MysqlDialect({
        pool: prepareStatements(pool),
        onCreateConnection: async (connection) => {
          for (const setting of SETTINGS) await connection.executeQuery(CompiledQuery.raw(setting))
        },
      }),
    }
  }
  return {
    name: 'MySQL',

    connect(onBroken) {
      const { pool, dialect: ours } = dialect(CONNECTIONS, onBroken)
      return { dialect: ours, end: () => new Promise((resolve) => pool.end(() => resolve())) }
    },

    connectForMigrations: (onBroken) => dialect(1, onBroken).dialect,

    greet(onAnswer) {
      // The server speaks first.
      const { hostname, port } = new URL(uri)
      const socket = connect(Number(port || 3306), hostname.replace(/[[\]]/g, ''))
      socket.once('data', onAnswer).once('error', onAnswer)
      return () => socket.destroy()
    },

    isAway: ({ code, message }) => AWAY.test(String(code)) || /closed state|Pool is closed|^timeout/.test(message),
  }
}

function openPool(uri: string, limit: number, onBroken: (error: Error) => void): Pool {
  const pool = createPool({
    uri,
    connectionLimit: limit,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Below the limit, or the pool never looks for connections that are idle for too long.
    maxIdle: Math.max(limit - 1, 1),
    idleTimeout: IDLE_TIMEOUT_MS,
    stream: ({ config }: { config: { host: string; port: number } }) => openSocket(config),
  })
  pool.on('connection', (connection) => connection.on('error', onBroken))
  return pool
}

/** See {@link SILENCE_MS}. */
function openSocket({ host, port }: { host: string; port: number }): Socket {
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  return socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('the connection went silent')))
}

/**
 * Values travel apart from the statement. The driver's `query` would write them into its text, and how a text is escaped
 * depends on the sql_mode of the server.
 */
function prepareStatements(pool: Pool): MysqlPool {
  /** Kysely knows a connection again by its object. */
  const wrapped = new WeakMap<PoolConnection, MysqlPoolConnection>()
  return {
    getConnection(callback) {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        callback(new Error('timeout: no connection was free'), undefined as never)
      }, CONNECT_TIMEOUT_MS)
      pool.getConnection((error, connection) => {
        clearTimeout(timer)
        if (isLate) return connection?.release()
        if (error) return callback(error, undefined as never)
        const known = wrapped.get(connection) ?? wrap(connection)
        wrapped.set(connection, known)
        callback(undefined as never, known)
      })
    },
    end: (callback) => pool.end(callback),
  }
}

function wrap(connection: PoolConnection): MysqlPoolConnection {
  const query = (sql: string, parameters: readonly unknown[], callback?: (error: unknown, result: unknown) => void) => {
    if (parameters.length === 0) return connection.query(sql, callback)
    return connection.execute(sql, parameters as never, callback)
  }
  return {
    config: connection.config,
    threadId: connection.threadId,
    query: query as MysqlPoolConnection['query'],
    connect: (callback) => connection.connect(callback),
    destroy: () => connection.destroy(),
    release: () => connection.release(),
  }
}

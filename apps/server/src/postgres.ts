import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOutageLog, migrateUsers, type OutageLog, reasonOf, type UsersDatabase } from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import { CompiledQuery, Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import { Client, Pool, type PoolConfig } from 'pg'

/** `query_timeout` is the one a frozen server cannot ignore. */
const POSTGRES_LIMITS = {
  max: 10,
  connectionTimeoutMillis: 2_000,
  query_timeout: 5_000,
  idleTimeoutMillis: 5_000,
}
/** So that a statement nobody waits for any more ends in the server too. */
const STATEMENT_TIMEOUT_MS = 4_000
/** More than any query may take, and than the pool keeps a connection that nobody uses. */
const POSTGRES_SILENCE_MS = 6_000
/** A server that says nothing to a new connection for this long is gone. */
const ANSWER_MS = 500
const ANSWER_STEP_MS = 50
const RETRY_DELAY_MS = 250
/** What queries still under way get when the service stops; by then nobody waits for their answers. */
const CLOSE_TIMEOUT_MS = 500

export interface Postgres {
  /** Fails at once until the database was reached and its tables are up to date; never waits for that. */
  db: Kysely<UsersDatabase>
  /** Settles with the first attempt, however it ends. */
  attempted: Promise<void>
  /** Whether the server answers a new connection, be it with a refusal. Known within {@link ANSWER_MS}. */
  answers(): Promise<boolean>
  close(): Promise<void>
}

/** Users in PostgreSQL. A database that is away, or refuses the service, is tried again until it is there. */
export function openPostgres(
  connectionString: string,
  log: FastifyBaseLogger,
  outageLog = createOutageLog(),
): Postgres {
  const pool = openPool({ connectionString, ...POSTGRES_LIMITS, stream: openSocket }, log, outageLog)
  const stopping = new AbortController()
  let isOpen = false
  const attempted = new Promise<void>((resolve) => {
    const opened = migrateUntilDone({ connectionString, log, outageLog, stopping: stopping.signal, attempted: resolve })
    void opened.then((done) => {
      isOpen = done
      resolve()
    })
  })
  const gatedPool: PostgresPool = {
    options: pool.options,
    connect: () => (isOpen ? pool.connect() : Promise.reject(new Error('it was not reached since the start'))),
    end: () => pool.end(),
  }
  let asked: Promise<boolean> | null = null
  return {
    attempted,
    // One question at a time, however many want to know.
    answers: () => {
      asked ??= askServer(connectionString).finally(() => {
        asked = null
      })
      return asked
    },
    db: new Kysely({
      dialect: new PostgresDialect({
        pool: gatedPool,
        // Not as a startup parameter, which PgBouncer refuses. Where it pools by transaction this reaches only the server
        // connection behind the first query: there, set it on the role as well.
        onCreateConnection: async (connection) => {
          await connection.executeQuery(CompiledQuery.raw(`set statement_timeout = ${STATEMENT_TIMEOUT_MS}`))
        },
      }),
    }),
    close: async () => {
      stopping.abort()
      await Promise.race([pool.end(), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
    },
  }
}

/**
 * A query that times out stays in its connection, and the pool hands that out again. Where a connection was lost without
 * a word (a host that died, a forgotten NAT entry) this ends it, long before TCP would.
 */
function openSocket(): Socket {
  const socket = new Socket()
  return socket.setTimeout(POSTGRES_SILENCE_MS, () => socket.destroy(new Error('the connection went silent')))
}

/** On a connection of its own, because those of the pool may all be waiting for a lock. */
async function askServer(connectionString: string): Promise<boolean> {
  const socket = new Socket()
  const client = new Client({ connectionString, stream: () => socket })
  client.on('error', () => {})
  let hasAnswered = false
  const answer = () => {
    hasAnswered = true
  }
  socket.once('data', answer)
  client.connect().catch(answer)
  // In steps: where this process is what is late, each of them lets in what has arrived meanwhile.
  for (let waitedMs = 0; waitedMs < ANSWER_MS && !hasAnswered; waitedMs += ANSWER_STEP_MS) await sleep(ANSWER_STEP_MS)
  socket.destroy()
  return hasAnswered
}

/** Resolves with true once the tables are up to date, with false when it was told to stop before. */
async function migrateUntilDone(o: {
  connectionString: string
  log: FastifyBaseLogger
  outageLog: OutageLog
  stopping: AbortSignal
  attempted: () => void
}): Promise<boolean> {
  const { connectionString, log, outageLog, stopping, attempted } = o
  const say = (line: () => void) => outageLog.tell('store_unavailable', line)
  let told: string | null = null
  while (!stopping.aborted) {
    try {
      await migratePostgres(connectionString, log, outageLog)
      if (told !== null) say(() => log.info('the user store (PostgreSQL) is there'))
      return true
    } catch (error) {
      const reason = reasonOf(error)
      const trouble = isUnreachable(error) ? 'cannot be reached' : 'refuses the service'
      // Once a reason: it may be away for hours.
      if (reason !== told) {
        say(() => log.error({ reason }, `the user store (PostgreSQL) ${trouble}, trying again`))
      }
      told = reason
      attempted()
    }
    await sleep(RETRY_DELAY_MS, undefined, { ref: false })
  }
  return false
}

/** With a deadline for connecting only: it waits for a process that migrates already, and an index takes its time. */
async function migratePostgres(connectionString: string, log: FastifyBaseLogger, outageLog: OutageLog): Promise<void> {
  const { connectionTimeoutMillis } = POSTGRES_LIMITS
  const pool = openPool({ connectionString, max: 1, connectionTimeoutMillis }, log, outageLog)
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
function openPool(options: PoolConfig, log: FastifyBaseLogger, outageLog: OutageLog): Pool {
  const pool = new Pool(options)
  pool.on('error', () => {})
  pool.on('connect', (client) =>
    client.on('error', (error) => {
      // All of them break at once when the server restarts.
      outageLog.repeat('store_unavailable', (counted) =>
        log.warn({ reason: error.message, ...counted }, 'a connection to the user store (PostgreSQL) broke'),
      )
    }),
  )
  return pool
}

/** No connection, a server that starts or stops (57P01 to 57P03), or one without a connection to spare (53300). */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (/^(E[A-Z_]+|57P0[123]|53300)$/.test(code) || /^(Connection terminated|timeout)/.test(error.message)) return true
  return isUnreachable(error.cause)
}

import { setTimeout as sleep } from 'node:timers/promises'
import {
  checkKeyRing,
  migrateUsers,
  type OutageLog,
  reasonOf,
  type SessionKeyVault,
  UnusableDatabaseError,
  type UsersDatabase,
  type World,
} from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import { Kysely } from 'kysely'
import type { SqlServer } from './sql-server.ts'

/** A server that says nothing to a new connection for this long is gone. */
const ANSWER_MS = 500
const ANSWER_STEP_MS = 50
const RETRY_DELAY_MS = 250
/** How long queries under way may still take when the service stops; by then nobody waits for their answers. */
const CLOSE_TIMEOUT_MS = 400

export interface UserDatabase {
  db: Kysely<UsersDatabase>
  /** False until the database was reached, its tables are up to date and the key ring fits. */
  isReady(): boolean
  /** Settles with the first attempt, however it ends. */
  attempted: Promise<void>
  /** Settles when the database answers, and cannot be used until somebody changes something: the service has to end. */
  unusable: Promise<UnusableDatabaseError>
  /** Whether the server answers a new connection, even if with an error. Known within {@link ANSWER_MS}. */
  answers(): Promise<boolean>
  close(): Promise<void>
}

export interface UserDatabaseOptions {
  server: SqlServer
  vault: SessionKeyVault
  /** Whose users these are. */
  world: World
  log: FastifyBaseLogger
  outageLog: OutageLog
}

/** Users on a server of their own. One that is away, or does not let us in, is tried again until it does. */
export function openUserDatabase(options: UserDatabaseOptions): UserDatabase {
  const { server, vault, world, log, outageLog } = options
  const { name } = server
  const { dialect, end } = server.connect(tellBroken)
  const stopping = new AbortController()
  let attempt = () => {}
  const attempted = new Promise<void>((resolve) => {
    attempt = resolve
  })
  let giveUp: (error: UnusableDatabaseError) => void = () => {}
  const unusable = new Promise<UnusableDatabaseError>((resolve) => {
    giveUp = resolve
  })
  let isReady = false
  /** The question that is under way, shared by all who ask at the same time. Null: none is. */
  let asking: Promise<boolean> | null = null
  void prepareUntilReady()

  return {
    db: new Kysely({ dialect }),
    isReady: () => isReady,
    attempted,
    unusable,
    answers: () => {
      asking ??= askServer(server).finally(() => {
        asking = null
      })
      return asking
    },
    close: async () => {
      stopping.abort()
      await Promise.race([end(), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
    },
  }

  async function prepareUntilReady(): Promise<void> {
    /** The reason that was logged last. Each reason is logged once in a row: the database may be away for hours. */
    let told: string | null = null
    const say = (line: () => void) => outageLog.tell('store_unavailable', line)
    for (; !stopping.signal.aborted; await sleep(RETRY_DELAY_MS, undefined, { ref: false })) {
      try {
        await prepare()
        if (told !== null) say(() => log.info(`the user store (${name}) is there`))
        isReady = true
        return attempt()
      } catch (error) {
        if (error instanceof UnusableDatabaseError) {
          giveUp(error)
          return attempt()
        }
        const reason = reasonOf(error)
        const trouble = isAway(error) ? 'cannot be reached' : 'refuses the service'
        if (reason !== told) say(() => log.error({ reason }, `the user store (${name}) ${trouble}, trying again`))
        told = reason
        attempt()
      }
    }
  }

  async function prepare(): Promise<void> {
    const db = new Kysely<UsersDatabase>({ dialect: server.connectForMigrations(tellBroken) })
    try {
      await migrateUsers(db, world)
      await checkKeyRing({ db, vault, nowMs: Date.now(), warn: (message) => log.warn(message) })
    } finally {
      await db.destroy()
    }
  }

  function isAway(error: unknown): boolean {
    return error instanceof Error && (server.isAway(error) || isAway(error.cause))
  }

  /** Counted: all connections break at the same time when the server restarts. */
  function tellBroken(error: Error): void {
    outageLog.repeat('store_unavailable', (counted) =>
      log.warn({ reason: error.message, ...counted }, `a connection to the user store (${name}) broke`),
    )
  }
}

async function askServer(server: SqlServer): Promise<boolean> {
  let hasAnswered = false
  const close = server.greet(() => {
    hasAnswered = true
  })
  // Waits in steps: when this process itself is late, each step lets in the answers that have arrived meanwhile.
  for (let waitedMs = 0; waitedMs < ANSWER_MS && !hasAnswered; waitedMs += ANSWER_STEP_MS) await sleep(ANSWER_STEP_MS)
  close()
  return hasAnswered
}

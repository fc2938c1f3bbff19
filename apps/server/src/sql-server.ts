import type { Dialect } from 'kysely'

/** Statements that one process runs at the same time; what comes beyond them waits for a free connection. */
export const CONNECTIONS = 10
/** How long making a connection may take, and waiting for a free one. */
export const CONNECT_TIMEOUT_MS = 2_000
/** A statement that waits longer for a lock is ended in the server too. */
export const STATEMENT_TIMEOUT_MS = 4_000
/** A connection that nobody uses is closed after this. */
export const IDLE_TIMEOUT_MS = 5_000
/**
 * A connection that is silent for longer is given up, long before TCP would: the server's host died, or a NAT entry was
 * forgotten. More than any statement may take, and than an unused connection is kept.
 */
export const SILENCE_MS = 6_000

/** A server for the users, PostgreSQL or MySQL: what is different between their drivers, and nothing about outages. */
export interface SqlServer {
  /** As the log calls it. */
  name: string
  /** The connections of the service, each with deadlines. `end` closes them; it may wait for statements under way. */
  connect(onBroken: (error: Error) => void): { dialect: Dialect; end: () => Promise<void> }
  /**
   * One connection for migrations, with a deadline for connecting only: it waits for a process that migrates already, and
   * an index takes its time.
   */
  connectForMigrations(onBroken: (error: Error) => void): Dialect
  /**
   * Opens a connection of its own, because those of the service may all be waiting for a lock. Calls `onAnswer` as soon as
   * the server says anything, even an error. Returns what closes the connection.
   */
  greet(onAnswer: () => void): () => void
  /** Whether an error says that the server is away, starts, stops, or has no connection to spare. */
  isAway(error: Error & { code?: unknown }): boolean
}

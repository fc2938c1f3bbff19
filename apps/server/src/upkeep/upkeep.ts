import { join } from 'node:path'
import {
  checkKeyRing,
  createEventId,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlImport,
  type ImportLine,
  type ImportOutcome,
  type SessionKeyVault,
} from '@weapp-auth/fastify'
import type { Config } from '../config.ts'
import { openVault } from '../stores.ts'
import { openUsers } from './open-users.ts'
import { operator } from './operator.ts'
import type { Command } from './terminal.ts'

/** How many lines of an import had which end. */
export interface ImportCounts {
  made: number
  filled: number
  done: number
  refused: number
}

/** Work on the users' database as a whole. */
export interface Upkeep {
  /** At most `MAX_IMPORT_LINES` of them. */
  importLines(lines: ImportLine[], o: { utcOffset: string; dryRun: boolean }): Promise<ImportOutcome[]>
  /** Writes down that an import has come to its end: the one event of it. */
  recordImport(counts: ImportCounts): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the users of a configuration for such work.
 *
 * @throws UnusableDatabaseError when the key ring is not the one of this database: what it seals could not be opened
 */
export async function openUpkeep(config: Config, command: Pick<Command, 'stderr'>): Promise<Upkeep> {
  const { db, close } = await openUsers(config, command)
  const vault = findVault(config)
  const warn = (message: string) => void command.stderr.write(`weapp-auth: ${message}\n`)
  await checkKeyRing({ db, vault, nowMs: Date.now(), warn }).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const userImport = createSqlImport({ db, vault })
  const appids = config.apps.map(({ appid }) => appid)
  return {
    recordImport: async (counts) => {
      const [id, atMs] = [createEventId(Date.now()), Date.now()]
      const about = { type: 'imported', by: operator(), userId: null, otherUserId: null } as const
      await createSqlEventStore({ db }).append([{ id, atMs, ...about, data: { ...counts } }])
    },
    importLines: (lines, o) => userImport.run(lines, { appids, nowMs: Date.now(), ...o }),
    close,
  }
}

function findVault({ sessionKeyKeys, dataDir }: Config): SessionKeyVault {
  return sessionKeyKeys ? createSessionKeyVault({ keys: sessionKeyKeys }) : openVault(join(dataDir, 'session-keys'))
}

import {
  type Actor,
  createEventId,
  createKeyRotation,
  createSqlImport,
  type ErasedUser,
  type EventStore,
  type ImportLine,
  type ImportOutcome,
  type RestoreSupport,
  type RotationPlace,
  type RotationStep,
  reasonOf,
  type SessionKeyVault,
  type UsersDatabase,
} from '@weapp-auth/fastify'
import type { Kysely } from 'kysely'
import { copyUsers } from './copy-users.ts'

/** How many lines of an import had each outcome. */
export interface ImportCounts {
  made: number
  filled: number
  done: number
  refused: number
}

/** Work on the users' database as a whole, in steps so short that the service can run meanwhile. */
export interface Upkeep {
  /** At most `MAX_IMPORT_LINES` of them. */
  importLines(lines: ImportLine[], o: { utcOffset: string; dryRun: boolean }): Promise<ImportOutcome[]>
  /** Writes the one event of an import, at its end. */
  recordImport(counts: ImportCounts, by: Actor): Promise<void>
  /** How many rows were sealed with another key than the first of the ring. */
  countOldKeys(): Promise<number>
  rotateKeys(after: RotationPlace): Promise<RotationStep>
  /** The keys that nothing is sealed with any more. */
  forgetUnusedKeys(): Promise<string[]>
  /** Copies embedded users into a file in DATA_DIR, and answers its name, or why that was not possible. */
  copyUsers(): Promise<{ file: string } | { failed: string }>
  /** Users who were erased; see `RestoreSupport`. */
  listErased(page: { skip: number; limit: number }): Promise<ErasedUser[]>
}

/**
 * @param o.appids the mini-programs that imported identities may be of
 * @param o.restore of the session store; undefined: this process has not opened it, or it knows nothing of erased users
 */
export function createUpkeep(o: {
  db: Kysely<UsersDatabase>
  vault: SessionKeyVault
  events: Pick<EventStore, 'append'>
  appids: readonly string[]
  dataDir: string
  restore: RestoreSupport | undefined
}): Upkeep {
  const { appids, events, dataDir, restore, ...stores } = o
  const userImport = createSqlImport(stores)
  const rotation = createKeyRotation(stores)
  return {
    importLines: (lines, settings) => userImport.run(lines, { appids, nowMs: Date.now(), ...settings }),

    async recordImport(counts, by) {
      const atMs = Date.now()
      const about = { type: 'imported', by, userId: null, otherUserId: null } as const
      await events.append([{ id: createEventId(atMs), atMs, ...about, data: { ...counts } }])
    },

    countOldKeys: () => rotation.count(),
    rotateKeys: (after) => rotation.step(after),
    forgetUnusedKeys: () => rotation.forgetUnused(),

    copyUsers: () =>
      copyUsers(stores.db, dataDir).then(
        (file) => ({ file }),
        (error) => ({ failed: reasonOf(error) }),
      ),

    listErased: async (page) => (await restore?.listErased(page)) ?? [],
  }
}

import {
  checkKeyRing,
  createSqlEventStore,
  type ErasedUser,
  type ImportOutcome,
  type RotationStep,
} from '@weapp-auth/fastify'
import type { Config } from '../config.ts'
import { openVault } from '../stores.ts'
import { createUpkeep, type Upkeep } from '../upkeep/upkeep.ts'
import { bodyOf } from './answer.ts'
import { openUsers } from './open-users.ts'
import { findRunningService, type Send } from './running-service.ts'
import { type Command, createWarn } from './terminal.ts'

/** Work on the users' database as a whole, done by the service that has the database open, or by this process. */
export type OpenedUpkeep = Upkeep & { close(): Promise<void> }

/**
 * Opens the users of a configuration for such work.
 *
 * @throws UnusableDatabaseError when the key ring is not the one of this database, whose service could not open what it seals
 */
export async function openUpkeep(config: Config, command: Pick<Command, 'stderr' | 'say'>): Promise<OpenedUpkeep> {
  const send = await findRunningService(config)
  if (send) return { ...askForUpkeep(send), close: async () => {} }
  const { db, close } = await openUsers(config, command)
  const vault = openVault(config)
  await checkKeyRing({ db, vault, nowMs: Date.now(), warn: createWarn(command) }).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const events = createSqlEventStore({ db, deliver: config.eventHook !== null })
  const appids = config.apps.map(({ appid }) => appid)
  return { ...createUpkeep({ db, vault, events, appids, dataDir: config.dataDir, restore: undefined }), close }
}

/** The same work, done by the running service. Its answers are those of `upkeep/routes.ts`, of the same release. */
export function askForUpkeep(send: Send): Upkeep {
  return {
    async importLines(lines, settings) {
      const body = bodyOf(await send('POST', '/upkeep/import', { lines, ...settings }))
      return body.outcomes as ImportOutcome[]
    },
    async recordImport(counts) {
      bodyOf(await send('POST', '/upkeep/imported', counts))
    },
    async countOldKeys() {
      return Number(bodyOf(await send('GET', '/upkeep/keys')).old)
    },
    async rotateKeys(after) {
      return bodyOf(await send('POST', '/upkeep/keys/rotate', { after })) as unknown as RotationStep
    },
    async forgetUnusedKeys() {
      return bodyOf(await send('POST', '/upkeep/keys/forget')).unused as string[]
    },
    async copyUsers() {
      return bodyOf(await send('POST', '/upkeep/users/copy')) as { file: string } | { failed: string }
    },
    async listErased({ skip, limit }) {
      return bodyOf(await send('GET', `/upkeep/erased?skip=${skip}&limit=${limit}`)).erased as ErasedUser[]
    },
  }
}

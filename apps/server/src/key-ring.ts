import { setTimeout as sleep } from 'node:timers/promises'
import { checkKeyRing, createSessionKeyVault, type SessionKeyVault } from '@weapp-auth/fastify'
import type { TakeSecrets } from './reload.ts'
import type { UserDatabase } from './user-database.ts'

/** How long a new key ring waits for the database that it is compared with. */
const CHECK_TIMEOUT_MS = 3_000

/** The vault of a running service, whose key ring can be replaced: what seals or opens next has the new one. */
export function createReplaceableVault(first: SessionKeyVault) {
  let current = first
  const vault: SessionKeyVault = {
    get ring() {
      return current.ring
    },
    seal: (...args) => current.seal(...args),
    open: (...args) => current.open(...args),
    fingerprints: (...args) => current.fingerprints(...args),
  }
  return {
    vault,

    /** Takes another ring if it fits what the database holds: see {@link checkKeyRing}. */
    take:
      ({ db, isReady }: Pick<UserDatabase, 'db' | 'isReady'>, warn: (message: string) => void): TakeSecrets =>
      async ({ sessionKeyKeys: keys }) => {
        if (keys === null) return () => {}
        const next = createSessionKeyVault({ keys })
        if (!isReady())
          throw new Error('the key ring cannot be compared with the user store, which was not reached yet')
        const late = sleep(CHECK_TIMEOUT_MS, null, { ref: false }).then(() => {
          throw new Error('the key ring cannot be compared with the user store, which does not answer')
        })
        await Promise.race([checkKeyRing({ db, vault: next, nowMs: Date.now(), warn }), late])
        return () => {
          current = next
        }
      },
  }
}

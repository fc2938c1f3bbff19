import type { Kysely, Transaction } from 'kysely'
import type { Actor } from '../actor.ts'
import { type SqlEventStore, writeNoEvent } from '../events/sql-events.ts'
import { isPhoneNumber, type PhoneNumber } from '../phone-number.ts'
import { guardStore, storeUnavailable } from '../store-failure.ts'
import type { UsersDatabase } from '../users/database.ts'
import { faultOf } from '../users/engine.ts'
import { prepare } from '../users/prepared.ts'
import type { SessionKeyVault } from '../users/session-key-vault.ts'
import { toDisabled } from '../users/sql-accounts.ts'
import { createSqlIdentities, type Proven } from '../users/sql-identities.ts'
import { prepareStatements } from '../users/sql-statements.ts'
import { withTries } from '../users/tries.ts'
import { createTurns } from '../users/turns.ts'
import { isDisabled } from '../users/users.ts'
import { createPhoneDigests } from './phone-digests.ts'
import type { GivePhoneResult, KeptPhone, PhoneHolder, PhoneProof, PhoneStore } from './phone-store.ts'
import { openPhone, sealPhone } from './sealed-phone.ts'

/** Options of {@link createSqlPhoneStore}: those of `createSqlUserStore`, for the same database. */
export interface SqlPhoneStoreOptions {
  db: Kysely<UsersDatabase>
  vault: SessionKeyVault
  events?: Pick<SqlEventStore, 'write'>
}

type Tx = Transaction<UsersDatabase>

const STORE = 'the store of phone numbers'
/** How long a call waits for others about the same number. */
const TURN_MS = 4_000
/** How often a transaction is run. When several users prove one number at the same time, the row of another one is in the way. */
const TRIES = 8
const USER_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Phone numbers in the database of the users. A number is sealed like a session_key, and found by a keyed digest.
 *
 * A transaction holds the user's row before it looks at numbers, as an erasure does. Between two
 * users with one number its unique digest decides: the transaction that finds it taken begins again.
 */
export function createSqlPhoneStore({ db, vault, events }: SqlPhoneStoreOptions): PhoneStore {
  const writeEvent = events?.write ?? writeNoEvent
  const statements = prepareStatements(db)
  const identities = createSqlIdentities({ db, statements, vault, writeEvent })
  /** Asked by each `GET /v1/me`. */
  const findNumber = prepare((p: { user_id: string }) =>
    db.selectFrom('weapp_auth_phones').select(['sealed_number', 'proven_at']).where('user_id', '=', p.user_id),
  )
  const digestOf = createPhoneDigests({ db, vault })
  const takeTurns = createTurns(TURN_MS, () =>
    storeUnavailable(STORE, 'other calls about the same number take too long'),
  )
  const guarded = guardStore(STORE, (error) => (faultOf(error) === 'data' ? 'it holds what cannot be stored' : null))

  return {
    prove: guarded((userId, phone, nowMs, by = 'host') =>
      change<PhoneProof | null>(userId, phone, null, async (tx, digest) => {
        const holder = await findByDigest(tx, digest)
        const movedFrom = holder && holder.userId !== userId ? holder : null
        if (movedFrom) await removeRow(tx, movedFrom.userId, digest)
        await save(tx, userId, { digest, phone, proven_at: nowMs, created_at: nowMs })
        if (movedFrom) {
          await writeEvent(tx, { type: 'phone_moved', by, userId: movedFrom.userId, otherUserId: userId })
        }
        await writeEvent(tx, { type: 'phone_bound', by, userId, data: { isProven: true } })
        return { movedFrom }
      }),
    ),

    give: guarded((userId, phone, nowMs, by = 'host') =>
      change<GivePhoneResult | null>(userId, phone, null, async (tx, digest) => {
        const holder = await findByDigest(tx, digest)
        if (holder?.userId === userId) return { given: true }
        if (holder) return { given: false, reason: 'taken', userId: holder.userId }
        const own = await findRow(tx, userId)
        if (own && own.proven_at !== null) return { given: false, reason: 'proven' }
        await save(tx, userId, { digest, phone, proven_at: null, created_at: nowMs })
        await writeEvent(tx, { type: 'phone_bound', by, userId, data: { isProven: false } })
        return { given: true }
      }),
    ),

    find: guarded(async (userId) => {
      const row = USER_ID.test(userId) ? await findRow(db, userId) : undefined
      return row ? open(userId, row) : null
    }),

    findHolder: guarded(async (phone) => findByDigest(db, await digestOf(phone))),

    remove: guarded(async (userId, by = 'host') => {
      if (!USER_ID.test(userId)) return
      await withTries(TRIES, () =>
        db.transaction().execute(async (tx) => {
          await statements.holdUser(tx, { id: userId })
          const remove = tx.deleteFrom('weapp_auth_phones').where('user_id', '=', userId)
          const { numDeletedRows } = await remove.executeTakeFirst()
          if (numDeletedRows > 0n) await writeEvent(tx, { type: 'phone_unbound', by, userId })
        }),
      )
    }),

    linkHolder: guarded(async (phone, appid, identity, nowMs, by = 'user') => {
      const digest = await digestOf(phone)
      const holder = await findByDigest(db, digest)
      if (!holder || holder.isProven) return null
      const isLinked = await withTries(TRIES, () => linkFirst(holder.userId, digest, { ...identity, appid, nowMs }, by))
      return isLinked ? holder.userId : null
    }),
  }

  /** Links the first identity of a user. False: nothing was linked, and nothing has changed. */
  async function linkFirst(userId: string, digest: string, identity: Proven, by: Actor): Promise<boolean> {
    try {
      await db.transaction().execute(async (tx) => {
        if (!(await mayBeLinked(tx, userId, digest, identity.nowMs))) throw new NotLinkedError()
        const { result, conflict } = await identities.linkIn(tx, userId, identity, by)
        if (!result?.linked || conflict) throw new NotLinkedError()
      })
      return true
    } catch (error) {
      if (error instanceof NotLinkedError) return false
      throw error
    }
  }

  /** Locks the user. The number is not locked: when another user proves it at the same moment, that proof counts as the later of the two. */
  async function mayBeLinked(tx: Tx, userId: string, digest: string, nowMs: number): Promise<boolean> {
    const [user] = await statements.holdUser(tx, { id: userId })
    if (!user || user.erasing_at !== null) return false
    if (isDisabled({ disabled: toDisabled(user) }, nowMs)) return false
    const number = tx.selectFrom('weapp_auth_phones').select('proven_at').where('digest', '=', digest)
    const held = await number.where('user_id', '=', userId).executeTakeFirst()
    if (held?.proven_at !== null) return false
    const identity = tx.selectFrom('weapp_auth_identities').select('appid').where('user_id', '=', userId)
    return (await identity.limit(1).executeTakeFirst()) === undefined
  }

  /** Runs `work` in a transaction in which nobody else changes the user. Resolves with `none` when there is no such user. */
  async function change<T>(
    userId: string,
    phone: PhoneNumber,
    none: T,
    work: (tx: Tx, digest: string) => Promise<T>,
  ): Promise<T> {
    if (!isPhoneNumber(phone)) throw new RangeError('a phone number must be 4 to 15 digits with a country code')
    if (!USER_ID.test(userId)) return none
    const digest = await digestOf(phone)
    return takeTurns(digest, () =>
      withTries(TRIES, () =>
        db.transaction().execute(async (tx) => {
          const [user] = await statements.holdUser(tx, { id: userId })
          return user && user.erasing_at === null ? work(tx, digest) : none
        }),
      ),
    )
  }

  async function findByDigest(tx: Kysely<UsersDatabase>, digest: string): Promise<PhoneHolder | null> {
    const row = await tx
      .selectFrom('weapp_auth_phones')
      .select(['user_id', 'proven_at'])
      .where('digest', '=', digest)
      .executeTakeFirst()
    return row ? { userId: row.user_id, isProven: row.proven_at !== null } : null
  }

  async function findRow(tx: Kysely<UsersDatabase>, userId: string) {
    const [row] = await findNumber(tx, { user_id: userId })
    return row
  }

  /** @param digest of the number to remove; another number, which the user has proved meanwhile, stays */
  async function removeRow(tx: Tx, userId: string, digest: string): Promise<void> {
    await tx.deleteFrom('weapp_auth_phones').where('user_id', '=', userId).where('digest', '=', digest).execute()
  }

  /** Updates only a row that is there: in MySQL an UPDATE that finds no row locks the gap, and every insert into it waits. */
  async function save(
    tx: Tx,
    userId: string,
    { phone, ...row }: { phone: PhoneNumber; digest: string; proven_at: number | null; created_at: number },
  ): Promise<void> {
    const columns = { ...row, sealed_number: sealPhone(vault, userId, phone) }
    if (await findRow(tx, userId)) {
      const { numUpdatedRows } = await tx
        .updateTable('weapp_auth_phones')
        .set(columns)
        .where('user_id', '=', userId)
        .executeTakeFirst()
      if (numUpdatedRows > 0n) return
      // The row is gone: another user has proved its number meanwhile.
    }
    await tx
      .insertInto('weapp_auth_phones')
      .values({ user_id: userId, ...columns })
      .execute()
  }

  function open(userId: string, row: { sealed_number: string; proven_at: unknown }): KeptPhone | null {
    const phone = openPhone(vault, userId, row.sealed_number)
    return phone && { ...phone, isProven: row.proven_at !== null }
  }
}

/** Thrown to roll a transaction back. */
class NotLinkedError extends Error {
  override readonly name = 'NotLinkedError'
}

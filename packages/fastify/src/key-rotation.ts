import { type Expression, type Kysely, type SqlBool, sql, type Transaction } from 'kysely'
import { resealDigestKey } from './phone/phone-digests.ts'
import { phoneOwnerOf } from './phone/sealed-phone.ts'
import { guardStore } from './store-failure.ts'
import type { UsersDatabase } from './users/database.ts'
import type { KeyOwner, SessionKeyVault } from './users/session-key-vault.ts'

/** Where a rotation is: after which row it goes on. Null: at the beginning. */
export type RotationPlace = { appid: string; openid: string } | { userId: string } | null

/** What one step of a rotation did. */
export interface RotationStep {
  /** Rows that are sealed under the first key now. */
  sealed: number
  /** Rows that no key of the ring opens: they stay as they are. */
  closed: number
  /** Where the next step begins. Absent: there is none. */
  next?: RotationPlace
}

/** Seals everything in the users' database anew under the first key of the ring, in small steps, while the service runs. */
export interface KeyRotation {
  /** How many rows are sealed with another key. */
  count(): Promise<number>
  /** Where it is stopped and begun again, rows that are done are passed over. */
  step(after: RotationPlace): Promise<RotationStep>
  /**
   * Forgets the keys that nothing is sealed with any more, and answers their names: they may leave the ring in every process. For
   * when all processes seal with the first key.
   */
  forgetUnused(): Promise<string[]>
}

type Tx = Transaction<UsersDatabase>

const ROWS = 200
const SEALED = [
  ['weapp_auth_identities', 'session_key'],
  ['weapp_auth_identities', 'previous_session_key'],
  ['weapp_auth_phones', 'sealed_number'],
  ['weapp_auth_phone_key', 'sealed_key'],
] as const

/** @param o as for `createSqlUserStore` */
export function createKeyRotation({ db, vault }: { db: Kysely<UsersDatabase>; vault: SessionKeyVault }): KeyRotation {
  const guarded = guardStore('the user store')
  // Read each time: the ring may be replaced while the service runs.
  const first = () => vault.ring[0].kid

  return {
    count: guarded(async () => {
      const count = sql<number | string>`count(*)`.as('n')
      const identities = await db
        .selectFrom('weapp_auth_identities')
        .select(count)
        .where(isOld(first()))
        .executeTakeFirst()
      const phones = await db
        .selectFrom('weapp_auth_phones')
        .select(count)
        .where(sealedByAnother('sealed_number', first()))
        .executeTakeFirst()
      return Number(identities?.n ?? 0) + Number(phones?.n ?? 0)
    }),

    step: guarded(async (after) => {
      // One transaction, so that the disk is waited for once.
      if (after === null || 'appid' in after) return db.transaction().execute((tx) => rotateIdentities(tx, after))
      const step = await db.transaction().execute((tx) => rotatePhones(tx, after.userId))
      if (!step.next) await resealDigestKey(db, vault)
      return step
    }),

    forgetUnused: guarded(async () => {
      const kids = (await db.selectFrom('weapp_auth_keys').select('kid').execute()).map(({ kid }) => kid)
      const unused: string[] = []
      for (const kid of kids) if (kid !== first() && !(await isUsed(kid))) unused.push(kid)
      if (unused.length > 0) await db.deleteFrom('weapp_auth_keys').where('kid', 'in', unused).execute()
      return unused
    }),
  }

  async function rotateIdentities(tx: Tx, after: { appid: string; openid: string } | null): Promise<RotationStep> {
    const rows = await tx
      .selectFrom('weapp_auth_identities')
      .select(['appid', 'openid', 'session_key', 'previous_session_key'])
      .where(isOld(first()))
      .$if(after !== null, (query) =>
        query.where((eb) =>
          eb.or([
            eb('appid', '>', after?.appid ?? ''),
            eb.and([eb('appid', '=', after?.appid ?? ''), eb('openid', '>', after?.openid ?? '')]),
          ]),
        ),
      )
      .orderBy('appid')
      .orderBy('openid')
      .limit(ROWS)
      .execute()
    const counts = { sealed: 0, closed: 0 }
    for (const row of rows) {
      const owner = { appid: row.appid.toString(), openid: row.openid.toString() }
      const current = reseal(row.session_key, owner)
      const previous = row.previous_session_key === null ? null : reseal(row.previous_session_key, owner)
      if ((row.session_key !== '' && !current) || (row.previous_session_key !== null && !previous)) counts.closed++
      else counts.sealed++
      if (!current && !previous) continue
      await tx
        .updateTable('weapp_auth_identities')
        .set({
          ...(current && {
            session_key: current.sealed,
            session_key_fingerprint: vault.fingerprints(current.opened, owner)[0],
          }),
          ...(previous && { previous_session_key: previous.sealed }),
        })
        .where('appid', '=', owner.appid)
        .where('openid', '=', owner.openid)
        // A sign-in may have brought another one meanwhile.
        .where('session_key', '=', row.session_key)
        .execute()
    }
    const last = rows.at(-1)
    if (last && rows.length === ROWS) {
      return { ...counts, next: { appid: last.appid.toString(), openid: last.openid.toString() } }
    }
    return { ...counts, next: { userId: '' } }
  }

  async function rotatePhones(tx: Tx, after: string): Promise<RotationStep> {
    const rows = await tx
      .selectFrom('weapp_auth_phones')
      .select(['user_id', 'sealed_number'])
      .where(sealedByAnother('sealed_number', first()))
      .where('user_id', '>', after)
      .orderBy('user_id')
      .limit(ROWS)
      .execute()
    const counts = { sealed: 0, closed: 0 }
    for (const { user_id, sealed_number } of rows) {
      const resealed = reseal(sealed_number, phoneOwnerOf(user_id))
      if (!resealed) {
        counts.closed++
        continue
      }
      counts.sealed++
      await tx
        .updateTable('weapp_auth_phones')
        .set({ sealed_number: resealed.sealed })
        .where('user_id', '=', user_id)
        .where('sealed_number', '=', sealed_number)
        .execute()
    }
    const last = rows.at(-1)
    return last && rows.length === ROWS ? { ...counts, next: { userId: last.user_id } } : counts
  }

  /** Null: no key of the ring opens it. */
  function reseal(sealed: string, owner: KeyOwner): { opened: string; sealed: string } | null {
    try {
      const opened = vault.open(sealed, owner)
      return { opened, sealed: vault.seal(opened, owner) }
    } catch {
      return null
    }
  }

  async function isUsed(kid: string): Promise<boolean> {
    for (const [table, column] of SEALED) {
      const found = await db
        .selectFrom(table)
        .select(sql`1`.as('one'))
        .where(isSealedBy(column, kid))
        .limit(1)
        .execute()
      if (found.length > 0) return true
    }
    return false
  }
}

function isOld(kid: string): Expression<SqlBool> {
  return sql<SqlBool>`(${sealedByAnother('session_key', kid)} or ${sealedByAnother('previous_session_key', kid)})`
}

/** Empty and NULL were sealed by nobody. */
function sealedByAnother(column: string, kid: string): Expression<SqlBool> {
  return sql<SqlBool>`(${sql.ref(column)} <> '' and not ${isSealedBy(column, kid)})`
}

/** Not LIKE: in a pattern the underscore, which a kid may have, stands for any character. */
function isSealedBy(column: string, kid: string): Expression<SqlBool> {
  const prefix = `${kid}.`
  return sql<SqlBool>`(substr(${sql.ref(column)}, 1, ${sql.lit(prefix.length)}) = ${prefix})`
}

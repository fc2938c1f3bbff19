import type { Kysely, Transaction } from 'kysely'
import { createPhoneDigests } from '../phone/phone-digests.ts'
import { sealPhone } from '../phone/sealed-phone.ts'
import { guardStore } from '../store-failure.ts'
import type { UsersDatabase } from '../users/database.ts'
import { faultOf } from '../users/engine.ts'
import { EMPTY_PROFILE } from '../users/profile.ts'
import type { SessionKeyVault } from '../users/session-key-vault.ts'
import { ChangedMeanwhileError, withTries } from '../users/tries.ts'
import {
  type ImportedUser,
  type ImportLine,
  type ImportSettings,
  parseImportLine,
  RefusedLineError,
} from './import-line.ts'
import {
  createImportWrites,
  type DigestedUser,
  type ImportOutcome,
  type ImportWrites,
  planLine,
} from './import-plan.ts'
import { findKnownUsers } from './sql-known-users.ts'

type Tx = Transaction<UsersDatabase>

/** Options of {@link createSqlImport}: those of `createSqlUserStore`, for the same database. */
export interface SqlImportOptions {
  db: Kysely<UsersDatabase>
  vault: SessionKeyVault
}

/** Brings users from elsewhere into the database. */
export interface UserImport {
  /**
   * Imports some lines, at most {@link MAX_IMPORT_LINES}, in one transaction. When it rejects, nothing was written. Lines that are
   * imported a second time are `done`.
   *
   * @returns what became of each line
   * @throws RangeError for too many lines
   * @throws ApiError `store_unavailable`
   */
  run(
    lines: readonly ImportLine[],
    settings: ImportSettings & { nowMs: number; dryRun: boolean },
  ): Promise<ImportOutcome[]>
}

/** With more lines a statement would have more values than SQLite and PostgreSQL take. */
export const MAX_IMPORT_LINES = 1_000

/** How often a transaction is run: each time a sign-in may be in its way. */
const TRIES = 8

/** Users, identities and phone numbers, written many at a time while the service runs. */
export function createSqlImport({ db, vault }: SqlImportOptions): UserImport {
  const digestOf = createPhoneDigests({ db, vault })
  const guarded = guardStore('the user store', (error) => (faultOf(error) === 'data' ? 'it cannot be stored' : null))

  const run: UserImport['run'] = guarded(async (lines, { nowMs, dryRun, ...settings }) => {
    const read = await Promise.all(lines.map((line) => readLine(line, settings)))
    const users = read.filter((line): line is DigestedUser => !(line instanceof RefusedLineError))
    const planned = await withTries(TRIES, () => (dryRun ? plan(db, users, nowMs) : write(users, nowMs)))
    return read.map((line) =>
      line instanceof RefusedLineError ? { refused: line.message } : (planned.get(line) as ImportOutcome),
    )
  })

  return {
    async run(lines, settings) {
      if (lines.length > MAX_IMPORT_LINES) throw new RangeError(`at most ${MAX_IMPORT_LINES} lines at a time`)
      return run(lines, settings)
    },
  }

  async function readLine(line: ImportLine, settings: ImportSettings): Promise<DigestedUser | RefusedLineError> {
    try {
      const user: ImportedUser = parseImportLine(line, settings)
      return { ...user, phoneDigest: user.phone && (await digestOf(user.phone)) }
    } catch (error) {
      if (error instanceof RefusedLineError) return error
      throw error
    }
  }

  function write(users: readonly DigestedUser[], nowMs: number): Promise<Map<DigestedUser, ImportOutcome>> {
    return db.transaction().execute(async (tx) => {
      const writes = createImportWrites()
      const outcomes = await plan(tx, users, nowMs, writes)
      await writeAll(tx, writes, nowMs)
      return outcomes
    })
  }

  /** Writes in the order in which a sign-in locks rows, so that the two cannot wait for each other. */
  async function writeAll(tx: Tx, writes: ImportWrites, nowMs: number): Promise<void> {
    const { avatarUrl: _, ...profile } = EMPTY_PROFILE
    await insert(
      tx,
      'weapp_auth_users',
      writes.users.map(({ externalId, avatarUrl, createdAtMs, ...user }) => ({
        ...profile,
        ...user,
        external_id: externalId,
        avatar_url: avatarUrl,
        created_at: createdAtMs,
      })),
    )
    for (const { userId, field, value } of writes.filled) {
      const column = COLUMN_OF[field]
      const update = tx.updateTable('weapp_auth_users').set(column, value).where('id', '=', userId)
      const isEmpty = field === 'externalId' ? update.where(column, 'is', null) : update.where(column, '=', '')
      await changeOne(isEmpty.where('erasing_at', 'is', null))
    }
    await insert(
      tx,
      'weapp_auth_identities',
      writes.identities.map(({ userId, ...identity }) => ({
        ...identity,
        user_id: userId,
        // The first sign-in brings a session_key.
        session_key: '',
        session_key_fingerprint: '',
        previous_session_key: null,
        created_at: nowMs,
        updated_at: nowMs,
      })),
    )
    for (const { appid, openid, unionid } of writes.learned) {
      const update = tx.updateTable('weapp_auth_identities').set({ unionid }).where('unionid', 'is', null)
      await changeOne(update.where('appid', '=', appid).where('openid', '=', openid))
    }
    await insert(
      tx,
      'weapp_auth_unionids',
      writes.unionids.map(({ unionid, userId }) => ({ unionid, user_id: userId })),
    )
    await insert(
      tx,
      'weapp_auth_phones',
      writes.phones.flatMap(({ userId, line: { phone, phoneDigest } }) =>
        phone && phoneDigest !== null
          ? {
              user_id: userId,
              digest: phoneDigest,
              sealed_number: sealPhone(vault, userId, phone),
              proven_at: null,
              created_at: nowMs,
            }
          : [],
      ),
    )
  }
}

const COLUMN_OF = { externalId: 'external_id', nickname: 'nickname', avatarUrl: 'avatar_url' } as const

async function insert<T extends keyof UsersDatabase>(tx: Tx, table: T, rows: readonly object[]): Promise<void> {
  if (rows.length > 0)
    await tx
      .insertInto(table)
      .values(rows as never)
      .execute()
}

async function changeOne(update: {
  executeTakeFirst(): Promise<{ numUpdatedRows: bigint } | undefined>
}): Promise<void> {
  const result = await update.executeTakeFirst()
  if (result?.numUpdatedRows !== 1n) throw new ChangedMeanwhileError('a row was changed meanwhile')
}

async function plan(
  db: Kysely<UsersDatabase>,
  users: readonly DigestedUser[],
  nowMs: number,
  writes = createImportWrites(),
): Promise<Map<DigestedUser, ImportOutcome>> {
  const known = await findKnownUsers(db, users)
  return new Map(users.map((user) => [user, planLine(known, writes, user, nowMs)]))
}

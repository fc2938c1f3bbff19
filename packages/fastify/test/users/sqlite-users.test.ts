import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  compareMigrations,
  copySqliteUsers,
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
} from '../../src/index.ts'
import { userStoreContract } from './user-store.contract.ts'

describe('users in SQLite', () => {
  userStoreContract(
    async () => {
      const db = openSqliteUsers(':memory:')
      onTestFinished(() => db.destroy())
      return db
    },
    { connections: 1 },
  )

  it('embedded users are closed by destroy also where they were asked nothing', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'weapp-auth-users-')), 'users.sqlite')
    onTestFinished(() => rmSync(dirname(file), { recursive: true }))
    await openSqliteUsers(file).destroy()
    await openSqliteUsers(file).destroy()
  })

  it('embedded users are copied as they are at one moment, while they are used', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-users-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const db = openSqliteUsers(join(folder, 'users.sqlite'))
    onTestFinished(() => db.destroy())
    await migrateUsers(db)
    const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
    const before: string[] = []
    for (let n = 0; n < 300; n++) before.push((await users.createUser(n)).id)
    let isOver = false
    const copied = copySqliteUsers(db, join(folder, 'copy.sqlite')).finally(() => {
      isOver = true
    })
    // Each change is of two users: a copy has both or none.
    while (!isOver) {
      await db.transaction().execute(async (tx) => {
        for (const id of before.slice(0, 2)) {
          await tx
            .updateTable('weapp_auth_users')
            .set('created_at', (eb) => eb('created_at', '+', 1_000))
            .where('id', '=', id)
            .execute()
        }
      })
      await new Promise(setImmediate)
    }
    await copied
    const copy = openSqliteUsers(join(folder, 'copy.sqlite'))
    onTestFinished(() => copy.destroy())
    const rows = await copy.selectFrom('weapp_auth_users').select(['id', 'created_at']).orderBy('created_at').execute()
    expect(rows.map(({ id }) => id).sort()).toEqual(before.toSorted())
    const [first, second] = before.slice(0, 2).map((id) => Number(rows.find((row) => row.id === id)?.created_at))
    expect(Number(second) - Number(first)).toBe(1)
    await expect(copySqliteUsers(copy, join(folder, 'no', 'copy.sqlite'))).rejects.toThrow(/unable to open/)
    await expect(copySqliteUsers({} as typeof copy, join(folder, 'no.sqlite'))).rejects.toThrow(/not embedded/)
  })

  it('users of a newer version are refused, which says what to do, and nothing is changed', async () => {
    const db = openSqliteUsers(':memory:')
    onTestFinished(() => db.destroy())
    expect((await compareMigrations(db)).missing[0]).toBe('0001-users')
    await migrateUsers(db)
    expect(await compareMigrations(db)).toEqual({ missing: [], newer: [] })
    await sql`insert into weapp_auth_migrations (name, timestamp) values ('9999-later', '')`.execute(db)
    expect(await compareMigrations(db)).toEqual({ missing: [], newer: ['9999-later'] })
    await expect(migrateUsers(db)).rejects.toMatchObject({
      name: 'UnusableDatabaseError',
      message: expect.stringMatching(/newer version \(9999-later\): start that version, or restore/),
    })
  })

  it('a user whose externalId was stored, and the answer to that was lost, is told of an outage, and not that somebody else has it', async () => {
    const db = openSqliteUsers(':memory:')
    onTestFinished(() => db.destroy())
    await migrateUsers(db)
    const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
    const { id } = await users.createUser(1)
    const { prepare } = DatabaseSync.prototype
    const losing = vi.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(function (this: DatabaseSync, text) {
      const statement = prepare.call(this, text)
      if (text !== 'commit') return statement
      statement.run()
      throw new Error('the answer was lost')
    })
    onTestFinished(() => losing.mockRestore())
    await expect(users.setExternalId(id, 'e1', false)).rejects.toMatchObject({ code: 'store_unavailable' })
    losing.mockRestore()
    expect(await users.findUser(id)).toMatchObject({ externalId: 'e1' })
    expect(await users.setExternalId(id, 'e1', false)).toEqual({ set: true })
  })

  it('users who go away while a start looks at their tables are no reason to give up: a start is tried again', async () => {
    const db = openSqliteUsers(':memory:')
    onTestFinished(() => db.destroy())
    await migrateUsers(db)
    // So that all tables are looked at.
    await db.deleteFrom('weapp_auth_migrations' as never).execute()
    const away = { name: 'Error', message: "the users' tables could not be brought up to date: away" }
    for (const last of [1, 2, 3, 4]) {
      let statements = 0
      const dying = db.withPlugin({
        transformQuery: ({ node }) => node,
        transformResult: async ({ result }) => {
          if (++statements === last) throw new Error('away')
          return result
        },
      })
      // Not an UnusableDatabaseError, which ends the process.
      await expect(migrateUsers(dying)).rejects.toMatchObject(away)
    }
  })

  it('users of an emulated WeChat are refused by the real service, and the other way round', async () => {
    for (const [first, second, theirs] of [
      ['emulated', 'real', 'an emulated WeChat'],
      ['real', 'emulated', 'the real WeChat'],
    ] as const) {
      const db = openSqliteUsers(':memory:')
      onTestFinished(() => db.destroy())
      await migrateUsers(db, first)
      await migrateUsers(db, first)
      const refusal = {
        name: 'UnusableDatabaseError',
        message: expect.stringContaining(`this database holds the data of ${theirs}`),
      }
      await expect(migrateUsers(db, second)).rejects.toMatchObject(refusal)
    }
  })
})

import { describe, expect, it, onTestFinished } from 'vitest'
import { migrateUsers, openSqliteUsers } from '../../src/index.ts'
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

  it('users of an emulated WeChat are refused by the real service, and the other way round', async () => {
    for (const [first, second, theirs] of [
      ['emulated', 'real', 'an emulated WeChat'],
      ['real', 'emulated', 'the real WeChat'],
    ] as const) {
      const db = openSqliteUsers(':memory:')
      onTestFinished(() => db.destroy())
      await migrateUsers(db, first)
      await migrateUsers(db, first)
      const refusal = { name: 'UnusableDatabaseError', message: expect.stringContaining(`holds the data of ${theirs}`) }
      await expect(migrateUsers(db, second)).rejects.toMatchObject(refusal)
    }
  })
})

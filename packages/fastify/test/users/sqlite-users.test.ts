import { describe, onTestFinished } from 'vitest'
import { openSqliteUsers } from '../../src/index.ts'
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
})

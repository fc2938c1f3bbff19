import { describe, inject, onTestFinished } from 'vitest'
import { openEmptyMysql } from '../databases.ts'
import { userStoreContract } from './user-store.contract.ts'

const url = inject('mysqlUrl')
const CONNECTIONS = 5

describe.skipIf(url === null)('users in MySQL or MariaDB', () => {
  userStoreContract(
    async () => {
      const { db, close } = await openEmptyMysql(url ?? '', CONNECTIONS)
      onTestFinished(close)
      return db
    },
    { connections: CONNECTIONS },
  )
})

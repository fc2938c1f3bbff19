import { randomUUID } from 'node:crypto'
import { Kysely, MysqlDialect } from 'kysely'
import { createPool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import { describe, inject, onTestFinished } from 'vitest'
import type { UsersDatabase } from '../../src/index.ts'
import { userStoreContract } from './user-store.contract.ts'

const url = inject('mysqlUrl')

/** A database of its own on that server, of a kind that a team may have: its texts are Latin-1 unless a table says otherwise. */
async function open(): Promise<Kysely<UsersDatabase>> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administrate(`CREATE DATABASE ${name} CHARACTER SET latin1`)
  const own = new URL(url ?? '')
  own.pathname = `/${name}`
  const db = new Kysely<UsersDatabase>({
    dialect: new MysqlDialect({ pool: createPool({ uri: own.href, connectionLimit: 5 }) }),
  })
  onTestFinished(async () => {
    await db.destroy()
    await administrate(`DROP DATABASE ${name}`)
  })
  return db
}

async function administrate(statement: string): Promise<void> {
  const connection = await createConnection(url ?? '')
  await connection.query(statement)
  await connection.end()
}

describe.skipIf(url === null)('users in MySQL or MariaDB', () => {
  userStoreContract(open, { connections: 5 })
})

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type {} from '@weapp-auth/test-servers'
import { createConnection, createPool } from 'mysql2/promise'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { createMemberStore } from '../examples/own-users.ts'
import { userStoreCases } from '../src/testing/index.ts'
import { startService } from './service.ts'

const url = inject('mysqlUrl')
const SOURCE = readFileSync(new URL('../examples/own-users.ts', import.meta.url), 'utf8')
const SCHEMA = readFileSync(new URL('../examples/own-users.sql', import.meta.url), 'utf8')

/** The store of the example in a database of its own. */
async function open() {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administrate(`CREATE DATABASE ${name}; USE ${name}; ${SCHEMA}`)
  const own = new URL(url ?? '')
  own.pathname = `/${name}`
  const pool = createPool({ uri: own.href, connectionLimit: 5, timezone: 'Z' })
  onTestFinished(async () => {
    await pool.end().catch(() => {})
    await administrate(`DROP DATABASE ${name}`)
  })
  return { pool, users: createMemberStore(pool) }
}

async function administrate(statements: string): Promise<void> {
  const connection = await createConnection({ uri: url ?? '', multipleStatements: true })
  await connection.query(statements)
  await connection.end()
}

describe.skipIf(url === null)('the example own-users, on a table with integer ids', () => {
  it('the example own-users keeps the contract of a UserStore', async () => {
    const { users } = await open()
    for (const { title, run } of userStoreCases) {
      await run(users).catch((error) => {
        throw new Error(title, { cause: error })
      })
    }
  })

  it('the example own-users signs users in whose ids are the numbers of their rows', async () => {
    const { pool, users } = await open()
    await pool.query("INSERT INTO members (created_at, nickname) VALUES (NOW(3), 'was here before')")
    const { app, signIn } = await startService({ users })
    expect((await signIn()).userId).toBe('2')
    expect((await signIn()).userId).toBe('2')
    await app.weappAuth.eraseUser('2')
    expect((await signIn()).userId).toBe('3')
    expect(await app.weappAuth.listUsers()).toMatchObject([{ profile: { nickname: 'was here before' } }, { id: '3' }])
  })

  it('the example own-users is unavailable when its database is gone, and never without a user', async () => {
    const { pool, users } = await open()
    const { id } = await users.createUser(1)
    await pool.end()
    for (const call of [
      () => users.findUser(id),
      () => users.ping(),
      () => users.listUsers({ after: null, limit: 1 }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'store_unavailable' })
    }
  })
})

it('the example own-users has at most 150 lines of code, as the README says', () => {
  const code = SOURCE.split('\n').filter((line) => !/^\s*($|\/\/|\/\*\*)/.test(line))
  expect(code.length).toBeLessThanOrEqual(150)
})

import { createSessionKeyVault, createSqlUserStore, generateVaultKey, type UserStore } from '@weapp-auth/fastify'
import { sql } from 'kysely'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { connectTo, createDatabase } from './sql.ts'
import { openUsers } from './sql-outages.ts'

const server = inject('databaseUrl')

/** Users in a database of their own, one of them signed in, over one connection to PostgreSQL itself. */
async function signInDirectly() {
  const url = await createDatabase(server ?? '')
  const { db, close } = await openUsers(url)
  onTestFinished(close)
  const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
  const signedIn = await users.signIn('wx1', { openid: 'o1', unionid: null, sessionKey: 'aGVsbG8=' }, 1)
  if ('erasing' in signedIn) throw new Error('the user is being erased')
  return { db, users, userId: signedIn.user.id, admin: await connectTo(url) }
}

describe.skipIf(server === null)('statements of the user store, on a connection to PostgreSQL itself', () => {
  test('statements of the user store are prepared once, by name; others are not', async () => {
    const { db, users, userId } = await signInDirectly()
    await users.findUser(userId)
    await users.findUser(userId)
    await users.listUsers({ after: null, limit: 10 })
    const { rows } = await sql<{ statement: string; executed: number }>`
      select statement, generic_plans + custom_plans as executed from pg_prepared_statements where not from_sql`.execute(
      db,
    )
    const find = rows.filter(({ statement }) => /^select \* from "weapp_auth_users" where "id" = \$1$/.test(statement))
    expect(find.map(({ executed }) => Number(executed))).toEqual([2])
    expect(rows.filter(({ statement }) => statement.includes('limit'))).toEqual([])
  })

  test.for<[string, (users: UserStore, id: string) => Promise<unknown>]>([
    ['alone', (users, id) => users.findUser(id)],
    ['in a transaction', (users, id) => users.enableUser(id)],
  ])(
    'statements of the user store work %s after a newer version of the service has added a column',
    async ([, work]) => {
      const { users, userId, admin } = await signInDirectly()
      await work(users, userId)
      await admin.query('alter table weapp_auth_users add column added_later integer')
      await work(users, userId)
      await expect(users.findUser(userId)).resolves.toMatchObject({ id: userId })
    },
  )
})

import { setTimeout as sleep } from 'node:timers/promises'
import {
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
  type IdentityStore,
  openSqliteUsers,
  type UserStore,
} from '@weapp-auth/fastify'
import { expect, onTestFinished, test } from 'vitest'
import { limitUserStore } from '../src/user-deadline.ts'

/** After these a code is spent, or sessions were ended already. */
const WRITES = [
  ...['signIn', 'createUser', 'createUserWithExternalId', 'linkIdentity', 'replaceKey'],
  ...['setExternalId', 'disableUser', 'enableUser', 'beginErasure', 'eraseUser'],
  ...['unlinkIdentity', 'beginErasureOfLast'],
]

/** A store of which every method answers `answer`, behind the limits, and what each is answered. */
async function askEverything(answer: () => Promise<unknown>, answers: () => Promise<boolean>) {
  const db = openSqliteUsers(':memory:')
  onTestFinished(() => db.destroy())
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const names = Object.keys(createSqlUserStore({ db, vault })) as (keyof (UserStore & IdentityStore))[]
  const users = Object.fromEntries(names.map((name) => [name, answer])) as unknown as UserStore & IdentityStore
  const limited = limitUserStore(users, { isReady: () => true, answers }) as unknown as Record<
    string,
    () => Promise<unknown>
  >
  const asked = names.map(async (name) => [name, await limited[name]?.().catch(({ code }) => code)] as const)
  return Object.fromEntries(await Promise.all(asked))
}

test('nothing waits for a database that answers nobody', async () => {
  const said = await askEverything(
    () => new Promise(() => {}),
    async () => false,
  )
  expect(Object.keys(said)).toEqual(expect.arrayContaining(WRITES))
  expect(new Set(Object.values(said))).toEqual(new Set(['store_unavailable']))
})

test('a write that cannot be taken back waits for a lock of a database that answers, and nothing else waits', async () => {
  const said = await askEverything(
    () => sleep(1_000, 'done'),
    async () => true,
  )
  for (const [name, answer] of Object.entries(said)) {
    expect(answer, name).toBe(WRITES.includes(name) ? 'done' : 'store_unavailable')
  }
})

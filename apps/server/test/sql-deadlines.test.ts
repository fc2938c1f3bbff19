import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ApiError,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlPhoneStore,
  createSqlUserStore,
  generateVaultKey,
  openSqliteUsers,
} from '@weapp-auth/fastify'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { limitEventStore, limitPhoneStore, limitUserStore } from '../src/sql-deadlines.ts'

/** Why a call was given up. */
const [LATE, GONE] = ['the user store did not answer within 600 ms', 'the user store answers nobody']

type Method = () => Promise<unknown>
type Limit = (store: never, database: Parameters<typeof limitUserStore>[1]) => object | null

const STORES = [
  {
    what: 'users',
    limit: limitUserStore as Limit,
    /** After these a code is spent, or sessions were ended already. */
    writes: [
      ...['signIn', 'createUser', 'createUserWithExternalId', 'linkIdentity', 'replaceKey'],
      ...['setExternalId', 'disableUser', 'enableUser', 'beginErasure', 'eraseUser'],
      ...['unlinkIdentity', 'beginErasureOfLast', 'mergeUsers'],
    ],
  },
  { what: 'phones', limit: limitPhoneStore as Limit, writes: ['prove', 'give', 'remove', 'linkHolder'] },
  { what: 'events', limit: limitEventStore as Limit, writes: ['append', 'deleteBefore', 'forgetErased'] },
  {
    what: 'queue',
    limit: ((queue: never, database) => limitEventStore({ queue } as never, database).queue) as Limit,
    writes: ['take', 'extend', 'settle', 'retry', 'giveUp', 'bringForward', 'resend'],
  },
] as const

/** The methods of our stores. `write` is left out: it is for stores that share a transaction with it. */
async function findMethods() {
  const db = openSqliteUsers(':memory:')
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const [users, phones] = [createSqlUserStore({ db, vault }), createSqlPhoneStore({ db, vault })]
  const { write: _, queue, ...events } = createSqlEventStore({ db, deliver: true })
  await db.destroy()
  const namesOf = (store: object | null) => Object.keys(store ?? {})
  return { users: namesOf(users), phones: namesOf(phones), events: namesOf(events), queue: namesOf(queue) }
}

describe.concurrent.each(STORES)('the store of $what', ({ what, limit, writes }) => {
  /** A store of which every method answers `answer`, behind the limits, and what each is answered. */
  async function askEverything(answer: Method, answers: () => Promise<boolean>, isReady = true) {
    const { [what]: names } = await findMethods()
    const store = Object.fromEntries(names.map((name) => [name, answer]))
    const limited = limit(store as never, { isReady: () => isReady, answers }) as Record<string, Method>
    const reasonOf = ({ code, message, retryAfterSeconds }: ApiError) =>
      code === 'store_unavailable' && retryAfterSeconds === 1 ? message : code
    const asked = names.map(async (name) => [name, await limited[name]?.().catch(reasonOf)] as const)
    return Object.fromEntries(await Promise.all(asked))
  }

  const isWrite = (name: string) => writes.includes(name as never)

  test('nothing is asked of a database that was not reached since the start', async () => {
    const asked: unknown[] = []
    const said = await askEverything(
      async () => asked.push('something'),
      async () => true,
      false,
    )
    expect(new Set(Object.values(said))).toEqual(new Set(['the user store was not reached since the start']))
    expect(asked).toEqual([])
  })

  test('nothing waits for a database that answers nobody', async () => {
    const said = await askEverything(
      () => new Promise(() => {}),
      async () => false,
    )
    expect(Object.keys(said)).toEqual(expect.arrayContaining([...writes]))
    for (const [name, answer] of Object.entries(said)) expect(answer, name).toBe(isWrite(name) ? GONE : LATE)
  })

  test('a write that waits for a lock is given up when the database is gone meanwhile', async () => {
    let questions = 0
    const said = await askEverything(
      () => new Promise(() => {}),
      async () => ++questions <= writes.length,
    )
    for (const [name, answer] of Object.entries(said)) expect(answer, name).toBe(isWrite(name) ? GONE : LATE)
  })

  test('a write that cannot be taken back waits for a lock of a database that answers, and nothing else waits', async () => {
    const said = await askEverything(
      () => sleep(1_000, 'done'),
      async () => true,
    )
    for (const [name, answer] of Object.entries(said)) expect(answer, name).toBe(isWrite(name) ? 'done' : LATE)
  })

  test('a database is asked no more whether it is there when the write that waited has its answer', async () => {
    let finish = () => {}
    const written = new Promise<void>((resolve) => {
      finish = resolve
    })
    let asked = 0
    const answers = async () => {
      // The answer comes while the first question is under way.
      if (asked++ === 0) finish()
      await written
      await sleep(1)
      return true
    }
    let write: Method = async () => 'at once'
    const store = { [writes[0]]: () => write() }
    const limited = limit(store as never, { isReady: () => true, answers }) as Record<string, Method>
    await limited[writes[0]]?.()
    write = () => written
    await limited[writes[0]]?.()
    await sleep(300)
    expect(asked).toBe(1)
  })
})

test('a read is waited for until its deadline, and a database is asked whether it is there about a write that waits, and no other', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  let asked = 0
  const answers = async () => ++asked > 0
  const forever = () => new Promise(() => {})
  let write: Method = async () => 'at once'
  const store = { findUser: forever, disableUser: () => write() }
  const limited = (limitUserStore as Limit)(store as never, { isReady: () => true, answers }) as Record<string, Method>
  let said = ''
  void limited.findUser?.().catch(({ message }) => {
    said = message
  })
  await limited.disableUser?.()
  await vi.advanceTimersByTimeAsync(150)
  expect(asked).toBe(0)
  write = forever
  void limited.disableUser?.()
  await vi.advanceTimersByTimeAsync(50)
  expect(asked).toBe(0)
  await vi.advanceTimersByTimeAsync(100)
  expect([asked, said]).toEqual([1, ''])
  await vi.advanceTimersByTimeAsync(350)
  expect(said).toBe(LATE)
})

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type AuthEvent,
  createEventId,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlUserStore,
  type EventQueue,
  generateVaultKey,
  type HeldEvent,
} from '../../src/index.ts'
import { ENGINES, type OpenDatabase } from '../databases.ts'

describe.each(ENGINES)('events to be delivered in %s', (engine, openDatabase) => {
  let database: OpenDatabase
  beforeAll(async () => {
    database = await openDatabase()
  })
  afterAll(() => database.close())

  /** An empty queue. All that is appended is due at `LATER`. */
  async function openEmpty() {
    const { db } = database
    for (const table of ['events', 'users'] as const) await db.deleteFrom(`weapp_auth_${table}`).execute()
    const store = createSqlEventStore({ db, deliver: true })
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const users = createSqlUserStore({ db, vault, events: store })
    const queue = store.queue as EventQueue
    const add = async (...userIds: (string | null)[]): Promise<string[]> => {
      const events = userIds.map((userId): AuthEvent => {
        const atMs = Date.now()
        return { id: createEventId(atMs), atMs, type: 'sign_in', by: 'user', userId, otherUserId: null, data: {} }
      })
      await store.append(events)
      return events.map(({ id }) => id)
    }
    const take = (nowMs = LATER, limit = 10) => queue.take({ nowMs, holdMs: HOLD_MS, limit })
    return { db, store, queue, users, add, take }
  }

  it('an event is due two seconds after it happened, and one process takes it', async () => {
    const { take, add } = await openEmpty()
    const [id] = await add(ALICE)
    expect(await take(Date.now())).toEqual([])
    const taken = await Promise.all([take(), take(), take()])
    expect(taken.flat()).toMatchObject([{ id, userId: ALICE, attempts: 1, heldUntilMs: LATER + HOLD_MS }])
    expect(await take(LATER + HOLD_MS - 1)).toEqual([])
  })

  it('events of one user are taken one after the other, those of other users and of nobody at the same time', async () => {
    const { queue, take, add } = await openEmpty()
    const [a1, b1, a2, n1, n2] = await add(ALICE, BOB, ALICE, null, null)
    const first = await take()
    expect(idsOf(first)).toEqual([a1, b1, n1, n2].sort())
    expect(await take()).toEqual([])
    await queue.settle(one(first, a1))
    expect(idsOf(await take())).toEqual([a2])
  })

  it('events are taken as many at a time as asked for, the one that is due first before the others', async () => {
    const { store, queue, take, add } = await openEmpty()
    const [b1] = await add(BOB)
    const atMs = 1_700_000_000_000
    const event = { atMs, type: 'sign_in', by: 'user', otherUserId: null, data: {} } as const
    // Of two users, so that neither waits for the other; the id of the later one is the smaller one.
    const [small, large] = [createEventId(atMs), createEventId(atMs)]
    await store.append([
      { ...event, id: small, userId: ALICE, atMs: atMs + 1 },
      { ...event, id: large, userId: randomUUID() },
    ])
    for (const id of [large, small, b1]) expect(idsOf(await take(LATER, 1))).toEqual([id])
    for (const event of await take(LATER * 2)) await queue.giveUp(event, LATER)
    const given = [small, large, b1].toSorted()
    for (const [i, id] of given.entries()) {
      expect(idsOf(await queue.listGivenUp({ after: given[i - 1] ?? null, limit: 1 }))).toEqual([id])
    }
  })

  it('an event that nobody settled is due again, and the process that held it before can no longer change it', async () => {
    const { queue, take, add } = await openEmpty()
    const [id] = await add(ALICE)
    const [late] = await take()
    const [again] = await take(LATER + HOLD_MS)
    expect(again).toMatchObject({ id, attempts: 2 })
    await queue.settle(late as HeldEvent)
    await queue.retry(late as HeldEvent, { nowMs: 0, atMs: 1 })
    await queue.giveUp(late as HeldEvent, 1)
    expect(await queue.extend(late as HeldEvent, LATER * 2)).toBe(false)
    expect(await take(LATER + 2 * HOLD_MS - 1)).toEqual([])
    expect(await queue.listGivenUp({ after: null, limit: 10 })).toEqual([])
    await queue.settle(again as HeldEvent)
    expect(await take(LATER * 2)).toEqual([])
  })

  it('an event is held for longer when its holder asks for that', async () => {
    const { queue, take, add } = await openEmpty()
    await add(ALICE)
    const [held] = await take()
    expect(await queue.extend(held as HeldEvent, LATER + 2 * HOLD_MS)).toBe(true)
    expect(await take(LATER + HOLD_MS)).toEqual([])
    await queue.settle({ ...(held as HeldEvent), heldUntilMs: LATER + 2 * HOLD_MS })
    expect(await take(LATER * 2)).toEqual([])
  })

  it('an event that failed is due later, and those of the same user wait behind it', async () => {
    const { queue, take, add } = await openEmpty()
    const [a1, a2, b1] = await add(ALICE, ALICE, BOB)
    await queue.retry(one(await take(), a1), { nowMs: LATER, atMs: LATER + 90_000 })
    const [a3] = await add(ALICE)
    expect(idsOf(await take(LATER + HOLD_MS))).toEqual([b1])
    expect(idsOf(await take(LATER + 89_999))).toEqual([b1])
    const again = await take(LATER + 90_000)
    expect(one(again, a1).attempts).toBe(2)
    await queue.settle(one(again, a1))
    const next = await take(LATER + 90_000)
    expect(idsOf(next)).toEqual([a2])
    await queue.settle(one(next, a2))
    expect(idsOf(await take(LATER + 90_000))).toEqual([a3])
  })

  it('events that wait behind one that failed are not due before it', async () => {
    const { db, queue, take, add } = await openEmpty()
    const [a1, , b1] = await add(ALICE, ALICE, BOB)
    const taken = await take()
    await queue.retry(one(taken, a1), { nowMs: LATER, atMs: LATER + 90_000 })
    await queue.settle(one(taken, b1))
    const due = db
      .selectFrom('weapp_auth_events')
      .select('id')
      .where('due_at', '<', LATER + 90_000)
    expect(await due.execute()).toEqual([])
  })

  it('an event that another process delivers is delivered once, though an earlier one that was sent again fails meanwhile', async () => {
    const { queue, take, add } = await openEmpty()
    const [a1, a2] = await add(ALICE, ALICE)
    await queue.giveUp(one(await take(), a1), LATER)
    const held = one(await take(), a2)
    await queue.resend([a1 as string], LATER)
    await queue.retry(one(await take(), a1), { nowMs: LATER, atMs: LATER + 90_000 })
    await queue.settle(held)
    const [again] = await take(LATER + 90_000)
    expect(again).toMatchObject({ id: a1 })
    await queue.settle(again as HeldEvent)
    expect(await take(LATER + 90_000)).toEqual([])
  })

  it('an event that was given up is listed, lets the next one go on, and can be sent again', async () => {
    const { queue, take, add } = await openEmpty()
    const [a1, a2] = await add(ALICE, ALICE)
    await queue.giveUp(one(await take(), a1), LATER + 1)
    expect(await queue.listGivenUp({ after: null, limit: 10 })).toMatchObject([
      { id: a1, type: 'sign_in', attempts: 1, givenUpAtMs: LATER + 1 },
    ])
    expect(await queue.listGivenUp({ after: a1 as string, limit: 10 })).toEqual([])
    const next = await take()
    await queue.settle(one(next, a2))
    expect(await queue.resend([a1 as string, a2 as string, randomUUID()], LATER)).toBe(1)
    expect(await queue.resend([], LATER)).toBe(0)
    expect(await take()).toMatchObject([{ id: a1, attempts: 1 }])
    expect(await queue.listGivenUp({ after: null, limit: 10 })).toEqual([])
  })

  it('an event that was delivered does not come again because a later one of its user failed', async () => {
    const { queue, take, add } = await openEmpty()
    const [a1] = await add(ALICE)
    await queue.settle(one(await take(), a1))
    const [a2] = await add(ALICE)
    await queue.retry(one(await take(), a2), { nowMs: LATER, atMs: LATER + 90_000 })
    expect(idsOf(await take(LATER + 90_000))).toEqual([a2])
  })

  it('of events that were given up those are sent again that are named', async () => {
    const { queue, take, add } = await openEmpty()
    const [a1, b1] = await add(ALICE, BOB)
    for (const event of await take()) await queue.giveUp(event, LATER)
    expect(await queue.resend([a1 as string], LATER)).toBe(1)
    expect(idsOf(await queue.listGivenUp({ after: null, limit: 10 }))).toEqual([b1])
  })

  it('an event of an erased user carries the externalId of that user, and not that of another one who was erased', async () => {
    const { queue, users, take, add } = await openEmpty()
    const erased = new Map<string | null, string>()
    for (const externalId of ['crm-1', 'crm-2']) {
      const { id } = await users.createUser(1)
      erased.set(id, externalId)
      await users.setExternalId(id, externalId, true)
      await add(id)
      await users.beginErasure(id, 1, 'user')
      await users.eraseUser(id)
    }
    let count = 0
    for (let taken = await take(); taken.length > 0 && count < 10; taken = await take()) {
      for (const event of taken) {
        expect(event.externalId).toBe(erased.get(event.userId))
        await queue.settle(event)
        count++
      }
    }
    expect(count).toBeGreaterThanOrEqual(4)
  })

  it('events are counted: those that wait, with the time of the oldest, and those that were given up', async () => {
    const { queue, store, take, add } = await openEmpty()
    expect(await queue.inspect()).toEqual({ undelivered: 0, oldestAtMs: null, givenUp: 0 })
    const atMs = 1_700_000_000_000
    const old = {
      id: createEventId(atMs),
      atMs,
      type: 'sign_in',
      by: 'user',
      userId: ALICE,
      otherUserId: null,
      data: {},
    }
    await store.append([old as AuthEvent])
    await add(BOB, null)
    const taken = await take()
    expect(await queue.inspect()).toEqual({ undelivered: 3, oldestAtMs: atMs, givenUp: 0 })
    await queue.retry(one(taken, old.id), { nowMs: LATER, atMs: LATER * 2 })
    expect(await queue.inspect()).toMatchObject({ undelivered: 3, oldestAtMs: atMs })
    for (const event of taken.filter(({ id }) => id !== old.id)) await queue.settle(event)
    expect(await queue.inspect()).toMatchObject({ undelivered: 1, oldestAtMs: atMs })
    await queue.giveUp(one(await take(LATER * 2), old.id), LATER)
    expect(await queue.inspect()).toEqual({ undelivered: 0, oldestAtMs: null, givenUp: 1 })
  })

  // Other engines take long to write so many events.
  if (engine === 'SQLite') {
    it('not more than 10 000 of the waiting events are counted', async () => {
      const { queue, add } = await openEmpty()
      await add(...Array<null>(10_001).fill(null))
      expect((await queue.inspect()).undelivered).toBe(10_000)
    })
  }

  it('an event carries the externalId of its user, also when the user is erased before the delivery', async () => {
    const { store, queue, users, take, add } = await openEmpty()
    const { id: userId } = await users.createUser(1)
    await users.setExternalId(userId, 'crm-1', true)
    await users.beginErasure(userId, 1, 'user')
    await add(userId, userId)
    const [first] = await take()
    expect(first).toMatchObject({ type: 'profile_changed', externalId: 'crm-1' })
    await users.eraseUser(userId)
    await queue.settle(first as HeldEvent)
    for (const type of ['user_erased', 'sign_in', 'sign_in']) {
      // Nothing is replaced while something is to be delivered, held or not.
      await store.forgetErased(Date.now() + 1)
      const [held] = await take()
      expect(held).toMatchObject({ type, userId, externalId: 'crm-1' })
      await store.forgetErased(Date.now() + 1)
      await queue.settle(held as HeldEvent)
    }
    expect(await store.list({ userId, limit: 10 })).toHaveLength(4)
    // What is to be delivered of somebody else does not count.
    await add(BOB)
    await store.forgetErased(Date.now() + 1)
    expect(await store.list({ userId, limit: 10 })).toEqual([])
    expect(await store.list({ limit: 10 })).toHaveLength(5)
  })

  it('events of an erased user that were given up get the random id too, and can still be sent again', async () => {
    const { store, queue, users, take } = await openEmpty()
    const { id: userId } = await users.createUser(1)
    await users.beginErasure(userId, 1, 'user')
    await users.eraseUser(userId)
    const [erased] = await take()
    await queue.giveUp(erased as HeldEvent, LATER)
    await store.forgetErased(Date.now() + 1)
    expect(await queue.resend([erased?.id ?? ''], LATER)).toBe(1)
    const [again] = await take()
    expect(again?.userId).toMatch(/^erased-/)
    expect(again?.externalId).toBeNull()
  })

  it('many processes at the same time deliver each event once, in the order of its user', async () => {
    const { queue, take, add } = await openEmpty()
    const everybody = Array.from({ length: 6 }, () => randomUUID())
    for (let round = 0; round < 4; round++) await add(...everybody)
    const told = new Map<string, string[]>()
    const work = async () => {
      for (let idle = 0; idle < 5; ) {
        const taken = await take(LATER, 3)
        idle = taken.length > 0 ? 0 : idle + 1
        for (const event of taken) {
          const userId = event.userId ?? ''
          told.set(userId, [...(told.get(userId) ?? []), event.id])
          await queue.settle(event)
        }
      }
    }
    await Promise.all([work(), work(), work()])
    expect(told.size).toBe(6)
    for (const ids of told.values()) {
      expect(ids).toHaveLength(4)
      expect(ids).toEqual([...ids].sort())
    }
  })
})

const ALICE = randomUUID()
const BOB = randomUUID()
const HOLD_MS = 30_000
const LATER = Date.now() + 3_600_000

function idsOf(events: readonly Pick<HeldEvent, 'id'>[]): string[] {
  return events.map(({ id }) => id).sort()
}

function one(events: readonly HeldEvent[], id: string | undefined): HeldEvent {
  const found = events.find((event) => event.id === id)
  if (!found) throw new Error('it was not taken')
  return found
}

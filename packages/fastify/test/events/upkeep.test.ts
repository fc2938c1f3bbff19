import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { startUpkeep } from '../../src/events/upkeep.ts'
import { type AuthEvent, createEventId, createSqlEventStore, type EventQueue } from '../../src/index.ts'
import { openSqlite } from '../databases.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Events in a database of its own, looked after by a process whose clock is ahead by `clock.aheadMs`. */
async function open() {
  const { db, close } = await openSqlite()
  onTestFinished(close)
  const store = createSqlEventStore({ db, deliver: true })
  const clock = { aheadMs: 0 }
  const now = () => Date.now() + clock.aheadMs
  const warnings: string[] = []
  onTestFinished(startUpkeep({ store, days: 90, now, warnAway: (reason) => warnings.push(reason) }))
  return {
    clock,
    queue: store.queue as EventQueue,
    add: async (ageMs: number, userId: string, type: AuthEvent['type'] = 'sign_in') => {
      const atMs = now() - ageMs
      const event: AuthEvent = {
        id: createEventId(atMs),
        atMs,
        type,
        by: 'user',
        userId,
        otherUserId: null,
        data: {},
      }
      await store.append([event])
    },
    users: async () => (await store.list({ limit: 10 })).map(({ userId }) => userId).sort(),
    /** Lets time pass, and the work of the last minute end. */
    pass: async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms)
      expect(warnings).toEqual([])
    },
  }
}

it('events that are older than the days they are kept are deleted within a minute, and no others', async () => {
  const { add, users, pass } = await open()
  await add(90 * DAY_MS + 1, 'old')
  await add(89 * DAY_MS, 'young')
  await pass(MINUTE_MS)
  expect(await users()).toEqual(['young'])
})

it('a clock that is ahead deletes no event before it has been so for a day', async () => {
  const passed = vi.spyOn(performance, 'now').mockReturnValue(0)
  onTestFinished(() => passed.mockRestore())
  const { clock, add, users, pass } = await open()
  await add(0, 'today')
  clock.aheadMs = 365 * DAY_MS
  passed.mockReturnValue(DAY_MS - 1)
  await pass(MINUTE_MS)
  expect(await users()).toEqual(['today'])
  passed.mockReturnValue(DAY_MS)
  await pass(2 * MINUTE_MS)
  expect(await users()).toEqual([])
})

it('a clock that is ahead does not replace the id of an erased user while events of that user may still be written', async () => {
  const passed = vi.spyOn(performance, 'now').mockImplementation(() => Date.now())
  onTestFinished(() => passed.mockRestore())
  const { clock, queue, add, users, pass } = await open()
  const userId = randomUUID()
  await add(0, userId, 'user_erased')
  await pass(3_000)
  for (const event of await queue.take({ nowMs: Date.now(), holdMs: 30_000, limit: 10 })) await queue.settle(event)
  clock.aheadMs = 365 * DAY_MS
  await pass(MINUTE_MS - 3_000)
  expect(await users()).toEqual([userId])
  await pass(MINUTE_MS)
  expect(await users()).toEqual([expect.stringMatching(/^erased-/)])
})

it('an event that was written while the clock was ahead, and the later ones of its user, are delivered when the clock is right', async () => {
  const { clock, queue, add, pass } = await open()
  const userId = randomUUID()
  const take = () => queue.take({ nowMs: Date.now(), holdMs: 30_000, limit: 10 })
  clock.aheadMs = 365 * DAY_MS
  await add(0, userId)
  clock.aheadMs = 0
  await add(0, userId)
  await pass(MINUTE_MS - 1)
  expect(await take()).toEqual([])
  await pass(1)
  const [first, ...others] = await take()
  expect(others).toEqual([])
  if (!first) throw new Error('nothing was taken')
  await queue.settle(first)
  expect(await take()).toMatchObject([{ userId }])
})

it('an event that waits for its next attempt, or is being delivered, is not brought forward', async () => {
  const { queue, add, pass } = await open()
  await add(0, 'a')
  await pass(3_000)
  const [held] = await queue.take({ nowMs: Date.now(), holdMs: 30_000, limit: 10 })
  if (!held) throw new Error('nothing was taken')
  await queue.retry(held, { nowMs: Date.now(), atMs: Date.now() + 30 * MINUTE_MS })
  await pass(29 * MINUTE_MS)
  expect(await queue.take({ nowMs: Date.now(), holdMs: 30_000, limit: 10 })).toEqual([])
  await pass(2 * MINUTE_MS)
  expect(await queue.take({ nowMs: Date.now(), holdMs: 30_000, limit: 10 })).toHaveLength(1)
})

it('a store that is away stands in the log, and is asked again a minute later until the stop', async () => {
  const warnings: string[] = []
  let asked = 0
  const store = {
    queue: null,
    forgetErased: async () => {
      asked++
    },
    deleteBefore: async () => {
      throw new Error('away')
    },
  }
  const stop = startUpkeep({ store, days: 90, now: Date.now, warnAway: (...line) => warnings.push(line.join(': ')) })
  await vi.advanceTimersByTimeAsync(2 * MINUTE_MS)
  expect(asked).toBe(2)
  expect(warnings).toEqual(Array(2).fill('away: old events were not deleted yet'))
  stop()
  await vi.advanceTimersByTimeAsync(2 * MINUTE_MS)
  expect(asked).toBe(2)
})

it('a stop while the store is asked is the end: it is not asked again', async () => {
  const asked: string[] = []
  let answer = () => {}
  const store = {
    queue: null,
    forgetErased: () => {
      asked.push('forgetErased')
      return new Promise<void>((resolve) => (answer = resolve))
    },
    deleteBefore: async () => asked.push('deleteBefore'),
  }
  const stop = startUpkeep({ store, days: 90, now: Date.now, warnAway: () => {} })
  await vi.advanceTimersByTimeAsync(MINUTE_MS)
  stop()
  answer()
  await vi.advanceTimersByTimeAsync(2 * MINUTE_MS)
  expect(asked).toEqual(['forgetErased'])
})

import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { startOutbox } from '../../src/events/outbox.ts'
import {
  type AuthEvent,
  createEventId,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlUserStore,
  type DeliveredEvent,
  type EventQueue,
  generateVaultKey,
} from '../../src/index.ts'
import { openSqlite } from '../databases.ts'
import { startService } from '../service.ts'

/** A queue in a database of its own, and outboxes as several processes have them. */
async function open() {
  const { db, close } = await openSqlite()
  onTestFinished(close)
  const store = createSqlEventStore({ db, deliver: true })
  const warnings: [Record<string, unknown>, string][] = []
  /** The last numbers of the users' events that were told, with when, in seconds since the start. */
  const told: { n: unknown; userId: string | null; atS: number }[] = []
  const startedMs = Date.now()
  const start = (onEvent: (event: DeliveredEvent) => void | Promise<void> = () => {}) => {
    const stop = startOutbox({
      queue: store.queue as EventQueue,
      onEvent: (event) => {
        told.push({ n: event.data.n, userId: event.userId, atS: Math.round((Date.now() - startedMs) / 1_000) })
        return onEvent(event)
      },
      now: () => Date.now(),
      warn: (fields, message) => warnings.push([fields as Record<string, unknown>, message]),
      warnAway: (reason, message) => warnings.push([{ reason }, message]),
    })
    onTestFinished(stop)
    return stop
  }
  const add = async (...userIds: string[]) => {
    const events = userIds.map((userId, n): AuthEvent => {
      const atMs = Date.now()
      return { id: createEventId(atMs), atMs, type: 'sign_in', by: 'user', userId, otherUserId: null, data: { n } }
    })
    await store.append(events)
    return events.map(({ id }) => id)
  }
  return { db, store, queue: store.queue as EventQueue, start, add, told, warnings }
}

describe('the outbox', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('the outbox tells of each event once, and of those of one user in their order, within a few seconds', async () => {
    const { add, start, told } = await open()
    start()
    await add('a', 'b', 'a', 'a')
    await vi.advanceTimersByTimeAsync(1_900)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(told.filter(({ userId }) => userId === 'a').map(({ n }) => n)).toEqual([0, 2, 3])
    expect(told.filter(({ userId }) => userId === 'b').map(({ n }) => n)).toEqual([1])
    await vi.advanceTimersByTimeAsync(120_000)
    expect(told).toHaveLength(4)
  })

  it('an event that was refused is told again, later each time, and events of the same user wait behind it', async () => {
    const { add, start, told, warnings } = await open()
    let refusals = 4
    start((event) => {
      if (event.data.n !== 0 || refusals-- <= 0) return
      throw new Error('no room')
    })
    await add('a', 'a', 'b')
    await vi.advanceTimersByTimeAsync(60_000)
    const ofA = told.filter(({ userId }) => userId === 'a')
    expect(ofA.map(({ n }) => n)).toEqual([0, 0, 0, 0, 0, 1])
    const pauses = ofA.slice(1, 5).map(({ atS }, index) => atS - (ofA[index]?.atS ?? 0))
    // A look a second: 1, 2, 4 and 8 s, and up to one more.
    pauses.forEach((pause, index) => {
      expect(pause).toBeGreaterThanOrEqual(2 ** index)
      expect(pause).toBeLessThanOrEqual(2 ** index + 1)
    })
    expect(told.findIndex(({ userId }) => userId === 'b')).toBeLessThan(3)
    expect(warnings[0]).toEqual([
      { eventId: expect.any(String), type: 'sign_in', attempts: 1, reason: 'no room' },
      'an event was not delivered, and is tried again',
    ])
  })

  it('an event is given up after its last attempt, the log says so, and the next event follows', async () => {
    const { db, queue, add, start, told, warnings } = await open()
    const [first] = await add('a', 'a')
    await db
      .updateTable('weapp_auth_events')
      .set({ attempts: 57 })
      .where('id', '=', first as string)
      .execute()
    const stop = start((event) => {
      if (event.data.n === 0) throw new Error('never')
    })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(told.map(({ n }) => n)).toEqual([0, 1])
    expect(warnings).toEqual([
      [{ eventId: first, type: 'sign_in', attempts: 58, reason: 'never' }, expect.stringContaining('given up')],
    ])
    expect(await queue.listGivenUp({ after: null, limit: 10 })).toMatchObject([{ id: first, attempts: 58 }])
    await stop()
    start()
    await queue.resend([first as string], Date.now())
    await vi.advanceTimersByTimeAsync(2_000)
    expect(told.map(({ n }) => n)).toEqual([0, 1, 0])
  })

  it('while the other side is away, one event at a time is tried, less and less often, and all follow soon after its return', async () => {
    const { add, start, told, warnings } = await open()
    let isAway = true
    start(() => {
      if (isAway) throw new Error('away')
    })
    await add(...Array.from({ length: 100 }, () => randomUUID()))
    await vi.advanceTimersByTimeAsync(300_000)
    expect(told.length).toBeGreaterThan(8)
    expect(told.length).toBeLessThan(40)
    expect(warnings.length).toBeLessThan(40)
    // One line for all that failed in the same second; the next one says how many they were.
    expect(warnings.slice(0, 2).map(([{ sinceLastLine }]) => sinceLastLine)).toEqual([undefined, 7])
    const pausesS = told.slice(9).map(({ atS }, i) => atS - (told[i + 8]?.atS ?? 0))
    expect(pausesS).toEqual(pausesS.toSorted((a, b) => a - b))
    expect([pausesS[0], pausesS.at(-1)]).toEqual([8, 30])
    isAway = false
    told.length = 0
    await vi.advanceTimersByTimeAsync(300_000)
    expect(told).toHaveLength(100)
  })

  it('an event whose handler takes long is kept: no other process tells of it', async () => {
    const { add, start, told } = await open()
    let finish = () => {}
    start(() => new Promise<void>((resolve) => (finish = resolve)))
    await add('a')
    await vi.advanceTimersByTimeAsync(4_000)
    expect(told).toHaveLength(1)
    start()
    await vi.advanceTimersByTimeAsync(200_000)
    finish()
    await vi.advanceTimersByTimeAsync(200_000)
    expect(told).toHaveLength(1)
  })

  it('the outbox tells of four events at a time at most, and of the next one as soon as one of them is done', async () => {
    const { add, start, told } = await open()
    const finish: (() => void)[] = []
    start(() => new Promise<void>((resolve) => finish.push(resolve)))
    await add(...Array.from({ length: 8 }, () => randomUUID()))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(told).toHaveLength(4)
    finish[0]?.()
    await vi.advanceTimersByTimeAsync(100)
    expect(told).toHaveLength(5)
    for (const each of finish) each()
  })

  it('while three deliveries hang and all others fail, no further event is tried', async () => {
    const { add, start, told } = await open()
    const finish: (() => void)[] = []
    start((event) => {
      if ((event.data.n as number) >= 3) throw new Error('away')
      return new Promise<void>((resolve) => finish.push(resolve))
    })
    await add(...Array.from({ length: 20 }, () => randomUUID()))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(finish).toHaveLength(3)
    expect(told.length).toBeLessThan(12)
    for (const each of finish) each()
  })

  it('an event that a killed process was telling of is told by another process', async () => {
    const { queue, add, start, told } = await open()
    await add('a', 'a')
    await queue.take({ nowMs: Date.now() + 2_000, holdMs: 30_000, limit: 8 })
    start()
    await vi.advanceTimersByTimeAsync(31_000)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(4_000)
    expect(told.map(({ n }) => n)).toEqual([0, 1])
  })

  it('the outbox goes on after the store was away, and tells an event once more when its delivery could not be noted', async () => {
    const { queue, add, start, told, warnings } = await open()
    const settle = vi.spyOn(queue, 'settle').mockRejectedValueOnce(new Error('the store is away'))
    const away = new Error('the store is away')
    const take = vi.spyOn(queue, 'take').mockRejectedValueOnce(away).mockRejectedValueOnce(away)
    start()
    await add('a')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(told).toHaveLength(2)
    expect(settle).toHaveBeenCalledTimes(2)
    expect(warnings.map(([, message]) => message)).toEqual([
      'events to deliver cannot be read, trying again',
      'it was not noted how a delivery ended: it is made once more',
    ])
    expect(warnings[1]?.[0]).toEqual({ reason: 'the store is away' })
    take.mockRejectedValueOnce(away)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(warnings.slice(2)).toEqual([[{ reason: 'the store is away' }, warnings[0]?.[1]]])
  })

  it('a stop waits for a handler, two seconds at most', async () => {
    const { add, start } = await open()
    const finish: (() => void)[] = []
    for (const isSlow of [true, false]) {
      const stop = start(() => new Promise<void>((resolve) => finish.push(resolve)))
      await add(randomUUID())
      await vi.advanceTimersByTimeAsync(4_000)
      let isOver = false
      const stopped = stop().then(() => (isOver = true))
      await vi.advanceTimersByTimeAsync(1_999)
      expect(isOver).toBe(false)
      if (isSlow) await vi.advanceTimersByTimeAsync(1)
      else finish[1]?.()
      await stopped
    }
    finish[0]?.()
  })

  it('a stop while events are read does not wait for the next look', async () => {
    const { queue, start } = await open()
    let answer = () => {}
    vi.spyOn(queue, 'take').mockReturnValueOnce(new Promise((resolve) => (answer = () => resolve([]))))
    const stopped = start()()
    answer()
    await stopped
  })
})

describe('the option onEvent', () => {
  it('onEvent is told of what happened, with the externalId of the user', async () => {
    const { db, close } = await openSqlite()
    onTestFinished(close)
    const events: DeliveredEvent[] = []
    const store = createSqlEventStore({ db, deliver: true, now: () => Date.now() - 5_000 })
    const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }), events: store })
    const { app } = await startService({ users, events: { store, onEvent: (event) => void events.push(event) } })
    const { id: userId } = await app.weappAuth.createUser()
    await app.weappAuth.setExternalId(userId, 'crm-1')
    await app.weappAuth.eraseUser(userId, { by: 'operator:root' })
    await vi.waitFor(() => expect(events).toHaveLength(2), 20_000)
    expect(events).toMatchObject([
      { type: 'profile_changed', by: 'host', userId, externalId: 'crm-1', data: { fields: ['externalId'] } },
      { type: 'user_erased', by: 'operator:root', userId, externalId: 'crm-1', data: {} },
    ])
    expect(await app.weappAuth.listGivenUpEvents()).toEqual([])
    expect(await app.weappAuth.resendEvents([randomUUID()])).toBe(0)
  })

  it('onEvent is refused with a store that delivers nothing', async () => {
    const { db, close } = await openSqlite()
    onTestFinished(close)
    const events = { store: createSqlEventStore({ db }), onEvent: () => {} }
    await expect(startService({ events })).rejects.toThrow(
      'events.onEvent needs a store that was made with deliver: true',
    )
  })
})

import { expect, onTestFinished, test, vi } from 'vitest'
import type { Stores } from '../../src/stores.ts'
import { environment } from '../service.ts'
import { startServiceApi } from './service-api.ts'

test('what a token did is listed under its name, by user, kind and time, newest first', async () => {
  const { ask } = await startServiceApi()
  const { id } = (await ask('POST /users', { externalId: 'shop-1' })).data.user
  const { id: other } = (await ask('POST /users', {})).data.user
  await ask(`PUT /users/${id}/disabled`, { reason: 'a test' })
  await ask(`DELETE /users/${id}/disabled`)
  await ask(`PUT /users/${other}/disabled`, { reason: 'a test' })
  const { events, next } = (await ask(`GET /events?userId=${id}`)).data
  expect(next).toBeNull()
  expect(events).toMatchObject([
    { type: 'user_enabled', by: 'service:all-only', userId: id },
    { type: 'user_disabled', by: 'service:all-only', userId: id, otherUserId: null },
  ])
  expect(Object.keys(events[0]).sort()).toEqual(['at', 'by', 'data', 'id', 'otherUserId', 'type', 'userId'])

  const listed: string[] = []
  for (let after: string | null = ''; after !== null; ) {
    const path: string = after === '' ? '' : `&after=${after}`
    const page: { events: { id: string }[]; next: string | null } = (await ask(`GET /events?limit=1${path}`)).data
    listed.push(...page.events.map(({ id }) => id))
    after = page.next
  }
  const whole: { events: { id: string }[]; next: string | null } = (await ask('GET /events')).data
  expect(whole.next).toBeNull()
  expect(whole.events.length).toBeGreaterThan(2)
  expect(listed).toEqual(whole.events.map(({ id }) => id))
  expect(listed).toEqual([...new Set(listed)].sort().reverse())

  const ofType = (await ask('GET /events?type=user_disabled')).data.events
  expect(ofType.map(({ userId }: { userId: string }) => userId)).toEqual([other, id])
  expect((await ask(`GET /events?since=${encodeURIComponent('2100-01-01T00:00:00Z')}`)).data.events).toEqual([])
  expect((await ask(`GET /events?since=${events[1].at}`)).data.events).toContainEqual(events[1])
  for (const name of ['type', 'since', 'limit']) {
    const detail = expect.stringContaining(name)
    expect(await ask(`GET /events?${name}=yesterday`)).toMatchObject({
      status: 400,
      data: { code: 'request_invalid', detail },
    })
  }
})

test('a page of events after an id that does not exist is empty', async () => {
  const { ask } = await startServiceApi()
  expect((await ask('GET /events?after=0')).data).toEqual({ events: [], next: null })
})

test('events that EVENTS_URL did not take are listed, and sent again', async () => {
  const opened: Stores[] = []
  const hook = { EVENTS_URL: 'http://127.0.0.1:1/', HOOK_SECRET: 'a-secret-of-the-test' }
  const column: Record<string, string> = { ...(await environment('embedded')), ...hook }
  const { ask } = await startServiceApi({ column, onStores: (stores) => opened.push(stores) })
  const queue = opened[0]?.events.store.queue
  const { id: userId } = (await ask('POST /users', {})).data.user
  await ask(`PUT /users/${userId}/disabled`, { reason: 'a test' })
  const nowMs = Date.now() + 60_000
  const take = async () => (await queue?.take({ nowMs, holdMs: 1_000, limit: 10 })) ?? []
  const realNow = Date.now
  const clock = vi.spyOn(Date, 'now')
  onTestFinished(() => clock.mockRestore())
  for (const [laterMs, least, most] of [
    [3_600_000, 3_600, 3_660],
    [-3_600_000, 0, 0],
  ] as const) {
    clock.mockImplementation(() => realNow() + laterMs)
    const { oldestUndeliveredSeconds: age, ...counts } = (await ask('GET /health')).data.events
    expect(counts).toEqual({ undelivered: 1, givenUp: 0 })
    expect(age).toBeGreaterThanOrEqual(least)
    expect(age).toBeLessThanOrEqual(most)
  }
  clock.mockRestore()
  const [held] = await take()
  if (held) await queue?.giveUp(held, nowMs)
  const given = { type: 'user_disabled', userId, attempts: 1, givenUpAt: new Date(nowMs).toISOString() }
  expect((await ask('GET /health')).data.events).toEqual({ undelivered: 0, oldestUndeliveredSeconds: 0, givenUp: 1 })
  expect((await ask('GET /events/given-up')).data).toMatchObject({ events: [given], next: null })
  expect((await ask('GET /events/given-up?limit=1')).data).toMatchObject({ events: [given], next: held?.id })
  expect((await ask(`GET /events/given-up?limit=1&after=${held?.id}`)).data).toEqual({ events: [], next: null })
  expect(await take()).toEqual([])
  expect((await ask('POST /events/resend', { ids: [held?.id, 'another'] })).data).toEqual({ resent: 1 })
  expect(await take()).toMatchObject([{ id: held?.id }])
  expect((await ask('POST /events/resend', { ids: [] })).status).toBe(400)
  const many = Array.from({ length: 1_000 }, () => 'x'.repeat(128))
  expect((await ask('POST /events/resend', { ids: many })).data).toEqual({ resent: 0 })
})

import { expect, it } from 'vitest'
import { createEventId, createEventIdAfter, timeOfEventId } from '../../src/events/event-id.ts'

it('ids of events are in the order in which they were made, and 4096 of one millisecond have its time', () => {
  const atMs = timeOfEventId(createEventId(Date.now())) + 1
  const ids = Array.from({ length: 5_000 }, () => createEventId(atMs))
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids.slice(0, 4_096).map(timeOfEventId))).toEqual(new Set([atMs]))
  expect(new Set(ids.slice(4_096).map(timeOfEventId))).toEqual(new Set([atMs + 1]))
  expect(createEventId(atMs - 30_000) > (ids.at(-1) as string)).toBe(true)
})

it('the id after one of a process whose clock is ahead is greater than that one', () => {
  const [ahead, nowMs] = ['0fffffff-ffff-7fff-bfff-ffffffffffff', Date.now()]
  const id = createEventIdAfter(ahead, nowMs)
  expect(id > ahead).toBe(true)
  expect(timeOfEventId(id)).toBe(timeOfEventId(ahead) + 1)
})

import { expect, onTestFinished, test, vi } from 'vitest'
import { createPlaces } from '../../src/hooks/places.ts'

const full = () => new Error('full')

/** Work that goes on until it is told to end. */
function createWork() {
  const ends: (() => void)[] = []
  const begun: number[] = []
  const work = (name: number) => () =>
    new Promise<number>((resolve) => {
      begun.push(name)
      ends.push(() => resolve(name))
    })
  return { ends, begun, work }
}

test('no more work runs at once than there are places, and the others follow in their order', async () => {
  const places = createPlaces({ count: 2, maxWaiting: 10, maxWaitMs: 60_000, full })
  const { ends, begun, work } = createWork()
  const all = [1, 2, 3, 4].map((name) => places.run(work(name)))
  expect(begun).toEqual([1, 2])
  ends[1]?.()
  expect(await all[1]).toBe(2)
  expect(begun).toEqual([1, 2, 3])
  ends[0]?.()
  await all[0]
  expect(begun).toEqual([1, 2, 3, 4])
  ends[2]?.()
  ends[3]?.()
  expect(await Promise.all(all)).toEqual([1, 2, 3, 4])
  const later = places.run(work(5))
  ends[4]?.()
  expect(await later).toBe(5)
})

test('work that waits too long, or finds too many waiting, does not run, and takes no place from later work', async () => {
  const places = createPlaces({ count: 1, maxWaiting: 1, maxWaitMs: 20, full })
  const { ends, begun, work } = createWork()
  const first = places.run(work(1))
  await Promise.all([2, 3].map((name) => expect(places.run(work(name))).rejects.toThrow('full')))
  ends[0]?.()
  await first
  expect(begun).toEqual([1])
  expect(await places.run(async () => 'ran')).toBe('ran')
})

test('work that finds all places of the queue taken is refused at once, and a place that was got leaves no timer', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const places = createPlaces({ count: 1, maxWaiting: 1, maxWaitMs: 60_000, full })
  const { ends, work } = createWork()
  const [first, second] = [places.run(work(1)), places.run(work(2))]
  await expect(places.run(work(3))).rejects.toThrow('full')
  ends[0]?.()
  await first
  ends[1]?.()
  expect(await second).toBe(2)
  const timers = vi.getTimerCount()
  vi.useRealTimers()
  expect(timers).toBe(0)
})

test('work that fails gives its place to the next', async () => {
  const places = createPlaces({ count: 1, maxWaiting: 1, maxWaitMs: 60_000, full })
  const failing = places.run(() => Promise.reject(new Error('failed')))
  const next = places.run(async () => 'ran')
  await expect(failing).rejects.toThrow('failed')
  expect(await next).toBe('ran')
})

import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { createClock } from '../src/clock.ts'

test('a stopped clock stands still until it is advanced', async () => {
  const clock = createClock({ startMs: 1_000, running: false })
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(clock.now()).toBe(1_000)
  clock.advance(250)
  expect(clock.now()).toBe(1_250)
})

test('a running clock follows the real time plus what it was advanced', async () => {
  const clock = createClock({ startMs: 1_000 })
  clock.advance(60_000)
  expect(clock.now()).toBeGreaterThanOrEqual(61_000)
  expect(clock.now()).toBeLessThan(62_000)
})

test('a running clock fires its timers by itself', async () => {
  const clock = createClock()
  await new Promise<void>((resolve) => clock.setTimeout(resolve, 5))
})

test('a late timer does not turn the time back', async () => {
  const clock = createClock()
  const late = new Promise<number>((resolve) => clock.setTimeout(() => resolve(clock.now()), 5))
  const until = performance.now() + 30
  while (performance.now() < until);
  const beforeMs = clock.now()
  expect(await late).toBeGreaterThanOrEqual(beforeMs)
})

test('advancing a running clock brings its timers nearer', async () => {
  const clock = createClock()
  const fired = new Promise<void>((resolve) => clock.setTimeout(resolve, 3_600_000))
  clock.advance(3_599_995)
  await fired
})

test('replaced global timers do not stop a running clock', async () => {
  const clock = createClock()
  vi.useFakeTimers()
  try {
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 5))
  } finally {
    vi.useRealTimers()
  }
})

test('advance fires what is due in order of due time, each at its own time', () => {
  const clock = createClock({ startMs: 0, running: false })
  const fired: [string, number][] = []
  clock.setTimeout(() => fired.push(['late', clock.now()]), 30)
  clock.setTimeout(() => fired.push(['early', clock.now()]), 10)
  clock.setTimeout(() => fired.push(['early too', clock.now()]), 10)
  clock.setTimeout(() => fired.push(['never', clock.now()]), 31)
  clock.advance(30)
  expect(fired).toEqual([
    ['early', 10],
    ['early too', 10],
    ['late', 30],
  ])
})

test('a timer set by a timer fires in the same advance when it is due', () => {
  const clock = createClock({ startMs: 0, running: false })
  const fired: number[] = []
  clock.setTimeout(() => clock.setTimeout(() => fired.push(clock.now()), 5), 5)
  clock.advance(10)
  expect(fired).toEqual([10])
})

test('a cleared timer does not fire', () => {
  const clock = createClock({ startMs: 0, running: false })
  const fired = vi.fn()
  clock.clearTimeout(clock.setTimeout(fired, 1))
  clock.advance(10)
  expect(fired).not.toHaveBeenCalled()
})

test('a throwing timer does not keep the clock back', () => {
  const clock = createClock({ startMs: 0, running: false })
  clock.setTimeout(() => {
    throw new Error('broken')
  }, 1)
  expect(() => clock.advance(10)).toThrow('broken')
  expect(clock.now()).toBe(10)
})

test('time does not go back, nor on from inside a timer', () => {
  const clock = createClock({ startMs: 0, running: false })
  expect(() => clock.advance(-1)).toThrow(RangeError)
  expect(() => clock.advance(Number.NaN)).toThrow(RangeError)
  clock.setTimeout(() => clock.advance(1), 1)
  expect(() => clock.advance(1)).toThrow('advance() was called by a timer of the same clock')
})

test('however an advance is cut up, the same timers fire at the same times', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(100), { maxLength: 20 }),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 10 }),
      (delays, steps) => {
        const run = (advances: number[]) => {
          const clock = createClock({ startMs: 0, running: false })
          const fired: [number, number][] = []
          delays.forEach((delay, index) => {
            clock.setTimeout(() => fired.push([index, clock.now()]), delay)
          })
          for (const ms of advances) clock.advance(ms)
          return fired
        }
        const total = steps.reduce((sum, ms) => sum + ms, 0)
        expect(run(steps)).toEqual(run([total]))
      },
    ),
  )
})

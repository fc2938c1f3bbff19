import { describe, expect, test } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { type AppTimers, createAppTimers } from '../../src/host/timers.ts'
import { createAppThread } from '../../src/wx/app-thread.ts'
import { turns } from '../manual-phone.ts'

function setUp() {
  const clock = createClock({ startMs: 0, running: false })
  const errors: unknown[] = []
  const thread = createAppThread((error) => errors.push(error))
  const timers: AppTimers = createAppTimers(clock, thread)
  const globals = timers.globals as {
    setTimeout(callback: unknown, delayMs?: unknown, ...args: unknown[]): number
    setInterval(callback: unknown, delayMs?: unknown, ...args: unknown[]): number
    clearTimeout(id: unknown): void
    clearInterval(id: unknown): void
  }
  return { clock, timers, errors, ...globals }
}

describe('the timers of an app', () => {
  test('timers of an app follow the clock of the phone and pass their arguments', async () => {
    const { clock, setTimeout } = setUp()
    const calls: unknown[] = []
    setTimeout((...args: unknown[]) => calls.push(args), 100, 'a', 1)
    clock.advance(99)
    await turns()
    expect(calls).toEqual([])
    clock.advance(1)
    await turns()
    expect(calls).toEqual([['a', 1]])
  })

  test('an interval repeats until it is cleared, also by itself', async () => {
    const { clock, setInterval, clearInterval } = setUp()
    const at: number[] = []
    const id = setInterval(() => {
      at.push(clock.now())
      if (at.length === 3) clearInterval(id)
    }, 10)
    for (let i = 0; i < 6; i++) {
      clock.advance(10)
      await turns()
    }
    expect(at).toEqual([10, 20, 30])
  })

  test('a timer that was cleared does not run, even when it had come due', async () => {
    const { clock, setTimeout, clearTimeout } = setUp()
    let ran = false
    const id = setTimeout(() => {
      ran = true
    }, 10)
    clock.advance(10)
    clearTimeout(id)
    await turns()
    expect(ran).toBe(false)
  })

  test('dueWithin looks at timeouts, not at intervals', () => {
    const { timers, setTimeout, setInterval } = setUp()
    setInterval(() => {}, 10)
    expect(timers.dueWithin(1_000)).toBe(false)
    setTimeout(() => {}, 1_500)
    expect(timers.dueWithin(1_000)).toBe(false)
    expect(timers.dueWithin(1_500)).toBe(true)
    timers.clearAll()
    expect(timers.dueWithin(1_500)).toBe(false)
  })

  test('a callback must be a function', () => {
    const { setTimeout } = setUp()
    expect(() => setTimeout('code')).toThrow('must be a function')
  })
})

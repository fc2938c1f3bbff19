import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeadlines } from '../src/deadlines.ts'

describe('deadlines', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('deadlines expire at their own time, whichever was set first', () => {
    const deadlines = createDeadlines()
    const startMs = performance.now()
    const expired: string[] = []
    const set = (name: string, afterMs: number) => deadlines.set(startMs + afterMs, () => expired.push(name))
    const expireWithin = (ms: number) => {
      vi.advanceTimersByTime(ms)
      return expired.splice(0)
    }
    set('late', 90)
    set('early', 30)
    set('of the past', -1)
    expect(expireWithin(1)).toEqual(['of the past'])
    expect(expireWithin(28)).toEqual([])
    expect(expireWithin(1)).toEqual(['early'])
    expect(expireWithin(59)).toEqual([])
    expect(expireWithin(1)).toEqual(['late'])
    set('earlier', 1_030)
    set('later', 1_090)
    expect(expireWithin(940)).toEqual(['earlier'])
    expect(expireWithin(1_000)).toEqual(['later'])
  })

  it('a deadline that was taken back does not expire, even when one that expires at the same time took it back', () => {
    const deadlines = createDeadlines()
    const atMs = performance.now() + 20
    let expired = 0
    let takeBack = () => {}
    deadlines.set(atMs, () => takeBack())
    takeBack = deadlines.set(atMs, () => expired++)
    deadlines.set(atMs, () => expired++)()
    vi.advanceTimersByTime(60)
    expect(expired).toBe(0)
  })

  it('deadlines share one timer, which runs only when a deadline is over', () => {
    // No spy: taking it back would leave the fake timers to the files that follow.
    const setTimer = vi.fn(globalThis.setTimeout)
    Object.assign(globalThis, { setTimeout: setTimer })
    const deadlines = createDeadlines()
    const startMs = performance.now()
    for (const afterMs of [90, 30, 60]) deadlines.set(startMs + afterMs, () => {})
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(29)
    // For 90, and for 30 in its place.
    expect(setTimer).toHaveBeenCalledTimes(2)
  })

  it('a deadline keeps no process alive', () => {
    vi.useRealTimers()
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    const takeBack = createDeadlines().set(performance.now() + 60_000, () => {})
    expect(timers()).toBe(before)
    takeBack()
  })

  it('new deadlines expire after all open ones were taken back', () => {
    const deadlines = createDeadlines()
    let expired = 0
    deadlines.set(performance.now() + 30, () => {})()
    vi.advanceTimersByTime(10)
    deadlines.set(performance.now() + 40, () => expired++)
    vi.advanceTimersByTime(39)
    expect(expired).toBe(0)
    vi.advanceTimersByTime(1)
    expect(expired).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

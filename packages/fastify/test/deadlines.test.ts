import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createDeadlines } from '../src/deadlines.ts'

describe('deadlines', () => {
  it('deadlines expire at their own time, whichever was set first', async () => {
    const deadlines = createDeadlines()
    const startMs = performance.now()
    const expired: [name: string, atMs: number][] = []
    const set = (name: string, afterMs: number) =>
      deadlines.set(startMs + afterMs, () => expired.push([name, performance.now() - startMs]))
    set('late', 90)
    set('early', 30)
    set('of the past', -1)
    await sleep(150)
    expect(expired.map(([name]) => name)).toEqual(['of the past', 'early', 'late'])
    for (const [index, dueMs] of [0, 30, 90].entries()) expect(expired[index]?.[1]).toBeGreaterThanOrEqual(dueMs)
  })

  it('a deadline that was taken back does not expire, even when one that expires at the same time took it back', async () => {
    const deadlines = createDeadlines()
    const atMs = performance.now() + 20
    let expired = 0
    let takeBack = () => {}
    deadlines.set(atMs, () => takeBack())
    takeBack = deadlines.set(atMs, () => expired++)
    deadlines.set(atMs, () => expired++)()
    await sleep(60)
    expect(expired).toBe(0)
  })

  it('new deadlines expire after all open ones were taken back', async () => {
    const deadlines = createDeadlines()
    let expired = 0
    deadlines.set(performance.now() + 30, () => {})()
    await sleep(10)
    deadlines.set(performance.now() + 40, () => expired++)
    await sleep(100)
    expect(expired).toBe(1)
  })
})

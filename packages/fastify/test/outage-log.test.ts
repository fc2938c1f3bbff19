import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createOutageLog } from '../src/index.ts'

describe('a line about an outage', () => {
  let said: unknown[]
  let tell: (text: string) => void
  let repeat: () => void
  beforeEach(() => {
    vi.useFakeTimers()
    const outageLog = createOutageLog()
    said = []
    tell = (text) => outageLog.tell('store_unavailable', () => said.push(text))
    repeat = () => outageLog.repeat('store_unavailable', (counted) => said.push(counted))
  })
  afterEach(() => vi.useRealTimers())

  it('repeat logs one line a second, which counts the lines left out', () => {
    repeat()
    repeat()
    repeat()
    vi.advanceTimersByTime(999)
    repeat()
    expect(said).toEqual([{}])
    vi.advanceTimersByTime(1)
    repeat()
    vi.advanceTimersByTime(1_000)
    repeat()
    expect(said).toEqual([{}, { sinceLastLine: 3 }, {}])
  })

  it('a line of tell waits for the end of the second, and comes before repeated lines', () => {
    repeat()
    tell('gone')
    vi.advanceTimersByTime(999)
    expect(said).toEqual([{}])
    vi.advanceTimersByTime(1)
    repeat()
    expect(said).toEqual([{}, 'gone'])
    vi.advanceTimersByTime(1_000)
    repeat()
    expect(said).toEqual([{}, 'gone', { sinceLastLine: 1 }])
  })

  it('a line of tell holds back repeated lines for a second', () => {
    tell('gone')
    repeat()
    vi.advanceTimersByTime(1_000)
    repeat()
    expect(said).toEqual(['gone', { sinceLastLine: 1 }])
  })

  it('a line of tell replaces an older one that still waits', () => {
    tell('gone')
    tell('back')
    tell('gone again')
    expect(said).toEqual(['gone'])
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(5_000)
    expect(said).toEqual(['gone', 'gone again'])
    tell('back')
    expect(said).toEqual(['gone', 'gone again', 'back'])
  })
})

it('a line about one outage does not hold back a line about another', () => {
  const said: string[] = []
  const { tell } = createOutageLog()
  tell('store_unavailable', () => said.push('the store'))
  tell('wechat_unreachable', () => said.push('WeChat'))
  expect(said).toEqual(['the store', 'WeChat'])
})

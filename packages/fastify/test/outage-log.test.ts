import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createOutageLog } from '../src/index.ts'

describe('what is said of an outage', () => {
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

  it('again and again is one line a second, which counts the others', () => {
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

  it('once comes when the second is over, before what is said again and again', () => {
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

  it('once holds back what is said again and again for a second', () => {
    tell('gone')
    repeat()
    vi.advanceTimersByTime(1_000)
    repeat()
    expect(said).toEqual(['gone', { sinceLastLine: 1 }])
  })

  it('is only the newest of several lines that wait', () => {
    tell('gone')
    tell('back')
    tell('gone again')
    expect(said).toEqual(['gone'])
    vi.advanceTimersByTime(5_000)
    expect(said).toEqual(['gone', 'gone again'])
    tell('back')
    expect(said).toEqual(['gone', 'gone again', 'back'])
  })
})

it('what is said of one thing holds nothing of another back', () => {
  const said: string[] = []
  const { tell } = createOutageLog()
  tell('store_unavailable', () => said.push('the store'))
  tell('wechat_unreachable', () => said.push('WeChat'))
  expect(said).toEqual(['the store', 'WeChat'])
})

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRecorder, type Recorder } from '../../src/events/recorder.ts'
import { ApiError, type AuthEvent } from '../../src/index.ts'

const away = () => new ApiError('store_unavailable', 'away')

/** A store that cannot take one event of those that `record(3)` makes. */
async function refuse(events: readonly AuthEvent[]): Promise<void> {
  if (events.some(({ data }) => data.i === 1)) throw new ApiError('internal', 'it cannot be stored')
}

function open() {
  const written: AuthEvent[] = []
  const batches: number[] = []
  const warnings: [object, string][] = []
  /** What the next calls of the store do. Default: they write. */
  let append: (events: readonly AuthEvent[]) => Promise<void> = async () => {}
  const recorder = createRecorder({
    store: {
      append: async (events) => {
        batches.push(events.length)
        await append(events)
        written.push(...events)
      },
    },
    now: () => Date.now(),
    warn: (fields, message) => warnings.push([fields, message]),
    warnAway: (reason, message) => warnings.push([{ reason }, message]),
  })
  const record = (count: number, userId = 'u') => {
    for (let i = 0; i < count; i++) recorder.record({ type: 'sign_in', by: 'user', userId, data: { i } })
  }
  return {
    recorder,
    record,
    written,
    batches,
    warnings,
    whenAppending: (next: typeof append) => {
      append = next
    },
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('events that are recorded', () => {
  it('recorded events are written together after a quarter of a second, in their order', async () => {
    const { record, written, batches } = open()
    record(3)
    await vi.advanceTimersByTimeAsync(249)
    expect(batches).toEqual([])
    record(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(batches).toEqual([5])
    expect(written.map(({ data }) => data.i)).toEqual([0, 1, 2, 0, 1])
    expect(written.map(({ id }) => id)).toEqual(written.map(({ id }) => id).sort())
    await vi.advanceTimersByTimeAsync(10_000)
    expect(batches).toEqual([5])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('events that are recorded during a write are written after it, and once', async () => {
    const { record, whenAppending, batches, written } = open()
    let release = () => {}
    whenAppending(() => new Promise((resolve) => (release = resolve)))
    record(1)
    await vi.advanceTimersByTimeAsync(1_000)
    record(2)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(batches).toEqual([1])
    whenAppending(async () => {})
    release()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(written).toHaveLength(3)
  })

  it('recorded events stay in memory while the store is away, and the log says so once', async () => {
    const { record, whenAppending, written, batches, warnings } = open()
    const outage = [{ reason: 'away' }, 'events cannot be written, trying again']
    whenAppending(() => Promise.reject(away()))
    record(2)
    await vi.advanceTimersByTimeAsync(3_500)
    expect(batches).toEqual([2, 2, 2, 2])
    expect(written).toEqual([])
    expect(warnings).toEqual([outage])
    whenAppending(async () => {})
    await vi.advanceTimersByTimeAsync(1_000)
    expect(written).toHaveLength(2)
    expect(warnings).toEqual([outage])
    whenAppending(() => Promise.reject(away()))
    record(1)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(warnings).toEqual([outage, outage])
  })

  it('recorded events take the memory of 10 000 at most, and those that were lost are counted', async () => {
    const { record, whenAppending, written, warnings } = open()
    whenAppending(() => Promise.reject(away()))
    record(10_500)
    await vi.advanceTimersByTimeAsync(5_000)
    whenAppending(async () => {})
    await vi.advanceTimersByTimeAsync(1_000)
    expect(written).toHaveLength(10_000)
    expect(warnings.at(-1)).toEqual([{ lost: 500 }, expect.stringContaining('are lost')])
  })

  it('events that could not be written for 45 s are lost, so that none of an erased user comes late', async () => {
    const { record, whenAppending, written, warnings } = open()
    whenAppending(() => Promise.reject(away()))
    record(1, 'early')
    await vi.advanceTimersByTimeAsync(44_000)
    record(1, 'late')
    await vi.advanceTimersByTimeAsync(2_000)
    whenAppending(async () => {})
    await vi.advanceTimersByTimeAsync(1_000)
    expect(written.map(({ userId }) => userId)).toEqual(['late'])
    expect(warnings.at(-1)?.[0]).toEqual({ lost: 1 })
  })

  it('one event that the store refuses does not keep the others from being written', async () => {
    const { record, whenAppending, written, warnings } = open()
    whenAppending(refuse)
    record(3)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(written.map(({ data }) => data.i)).toEqual([0, 2])
    expect(warnings).toEqual([[{ lost: 1 }, 'events could not be written for too long, and are lost']])
  })

  it.each([
    ['an outage', away],
    ['a fault', () => new Error('a fault')],
  ])(
    'of events that the store refused together none is lost by %s while they are written one at a time',
    async (_, fail) => {
      const { record, whenAppending, written, warnings } = open()
      whenAppending(async (events) => {
        if (events.length === 1) throw fail()
        await refuse(events)
      })
      record(3)
      await vi.advanceTimersByTimeAsync(1_000)
      whenAppending(refuse)
      await vi.advanceTimersByTimeAsync(1_000)
      expect(written.map(({ data }) => data.i)).toEqual([0, 2])
      expect(warnings.at(-1)?.[0]).toEqual({ lost: 1 })
    },
  )

  it('recorded events are written at the stop, and those that cannot be written are counted', async () => {
    const { recorder, record, written, whenAppending, warnings } = open()
    record(2)
    await recorder.close()
    expect(written).toHaveLength(2)
    expect(warnings).toEqual([])
    whenAppending(() => Promise.reject(away()))
    record(3)
    await recorder.close()
    expect(warnings.at(-1)).toEqual([{ lost: 3 }, 'events could not be written before the stop, and are lost'])
  })

  it('the stop waits 300 ms for recorded events, and not at all when the store is known to be away', async () => {
    const present = open()
    present.whenAppending(() => new Promise(() => {}))
    present.record(1)
    expect(await timeToStop(present.recorder)).toBe(300)
    expect(present.warnings).toEqual([[{ lost: 1 }, expect.any(String)]])
    expect(present.batches).toEqual([1])

    const gone = open()
    gone.whenAppending(() => Promise.reject(away()))
    gone.record(1)
    await vi.advanceTimersByTimeAsync(250)
    gone.whenAppending(() => new Promise(() => {}))
    expect(await timeToStop(gone.recorder)).toBe(0)
    expect(gone.warnings.at(-1)?.[0]).toEqual({ lost: 1 })
    expect(gone.batches).toEqual([1])
  })

  it('a stop during a write that fails tries once more, and nothing is written after the stop', async () => {
    const { recorder, record, whenAppending, batches, warnings } = open()
    let fail = () => {}
    whenAppending(() => new Promise((_, reject) => (fail = () => reject(away()))))
    record(1)
    await vi.advanceTimersByTimeAsync(250)
    const stopped = timeToStop(recorder)
    whenAppending(() => Promise.reject(away()))
    fail()
    expect(await stopped).toBe(0)
    expect(batches).toEqual([1, 1])
    expect(warnings.at(-1)?.[0]).toEqual({ lost: 1 })
  })
})

/** In milliseconds. */
async function timeToStop(recorder: Recorder): Promise<number> {
  const startMs = performance.now()
  const stopped = recorder.close().then(() => performance.now() - startMs)
  await vi.advanceTimersByTimeAsync(3_000)
  return stopped
}

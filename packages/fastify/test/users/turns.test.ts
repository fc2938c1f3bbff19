import { expect, it, onTestFinished, vi } from 'vitest'
import { createTurns } from '../../src/users/turns.ts'

const nothing = async () => {}
const LATE = new Error('late')

/** Work that goes on until it is told to end. */
function startable() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const work = vi.fn(() => promise)
  return { work, end: resolve }
}

it('calls with one key run one after the other, and those with other keys do not wait', async () => {
  const takeTurns = createTurns(1_000, () => LATE)
  const works = [startable(), startable(), startable()]
  const calls = works.map(({ work }) => takeTurns('one', work))
  const other = startable()
  void takeTurns('other', other.work)
  expect(other.work).toHaveBeenCalled()
  for (const [n, { end }] of works.entries()) {
    await vi.waitFor(() => expect(works[n]?.work).toHaveBeenCalled())
    expect(works.map(({ work }) => work.mock.calls.length)).toEqual(works.map((_, i) => (i <= n ? 1 : 0)))
    end()
    await calls[n]
  }
})

it('a call starts at once when no other with its key is under way, also after one that failed', async () => {
  const takeTurns = createTurns(1_000, () => LATE)
  await expect(takeTurns('one', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await nothing()
  const next = startable()
  void takeTurns('one', next.work)
  expect(next.work).toHaveBeenCalled()
})

it('a call that has waited too long fails and never runs, and the next one still waits for the work under way', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const takeTurns = createTurns(1_000, () => LATE)
  const [first, second, third] = [startable(), startable(), startable()]
  void takeTurns('one', first.work)
  const late = takeTurns('one', second.work).catch((error) => error)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await late).toBe(LATE)
  const last = takeTurns('one', third.work)
  await vi.advanceTimersByTimeAsync(999)
  expect(third.work).not.toHaveBeenCalled()
  first.end()
  third.end()
  await last
  expect(second.work).not.toHaveBeenCalled()
})

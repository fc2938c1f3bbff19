import { expect, test } from 'vitest'
import { createProgress } from '../../src/cli/progress.ts'

function show(isTTY: boolean) {
  const written: string[] = []
  const clock = { nowMs: 0 }
  const output = { isTTY, write: (text: string) => void written.push(text) }
  return { written, clock, progress: createProgress(output, () => clock.nowMs) }
}

test('a line of progress is written over the one before, five times a second at most, and is gone at the end', () => {
  const { written, clock, progress } = show(true)
  progress.show(() => '10 pictures')
  clock.nowMs = 199
  progress.show(() => 'too early')
  clock.nowMs = 200
  progress.show(() => 'done')
  expect(written).toEqual(['\r10 pictures', '\rdone       '])
  progress.end()
  progress.end()
  expect(written.slice(2)).toEqual(['\r    \r'])
})

test('no progress is written into a file, and nothing is put together for it', () => {
  const { written, progress } = show(false)
  progress.show(() => {
    throw new Error('asked for')
  })
  progress.end()
  expect(written).toEqual([])
})

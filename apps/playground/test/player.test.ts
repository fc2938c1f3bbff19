import { signal } from '@preact/signals'
import { expect, test } from 'vitest'
import { createPlayer } from '../src/player.ts'
import type { Stage } from '../src/stage/stage.ts'

/** A stage whose steps end when the test says so. */
function createSlowStage() {
  const calls: string[] = []
  const endings: (() => void)[] = []
  const stage = {
    comparing: signal(false),
    async reset({ id }: { id: string }) {
      calls.push(`reset ${id}`)
    },
    play({ id }: { id: string }, index: number) {
      calls.push(`${id} ${index}`)
      return new Promise<void>((resolve) => endings.push(resolve))
    },
  } as unknown as Stage
  return { stage, calls, endStep: () => endings.shift()?.() }
}

test('a story that is chosen while a step of another is under way is named at once, and nothing of the other is shown', async () => {
  const { stage, calls, endStep } = createSlowStage()
  const player = createPlayer(stage)
  await player.start('renewal')
  const step = player.forward()
  await expect.poll(() => calls).toContain('renewal 0')
  const started = player.start('ten')
  expect([player.scenario.value.id, player.step.value, player.untilMs.value]).toEqual(['ten', 0, 0])
  endStep()
  await Promise.all([step, started])
  expect(calls).toEqual(['reset renewal', 'renewal 0', 'reset ten'])
  expect(player.untilMs.value).toBeNull()
})

test('a step that waited for its turn when another story was chosen is not played', async () => {
  const { stage, calls, endStep } = createSlowStage()
  const player = createPlayer(stage)
  await player.start('renewal')
  const steps = [player.forward(), player.forward()]
  await expect.poll(() => calls).toContain('renewal 0')
  const started = player.start('ten')
  endStep()
  await Promise.all([...steps, started])
  expect(calls).toEqual(['reset renewal', 'renewal 0', 'reset ten'])
})

import { describe, expect, test } from 'vitest'
import { weappAuth } from '../bench/faults/libraries.ts'
import { play, SCENARIOS } from '../bench/faults/scenarios.ts'

// This client's column of the comparison that `npm run bench -- faults` prints.
describe('the faults other libraries get wrong', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario.right, scenario] as const))(
    '%s: %s',
    async (_, __, scenario) => {
      expect(await play(scenario, weappAuth)).toMatchObject({ isRight: true })
    },
  )
})

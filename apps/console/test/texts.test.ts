import { expect, test } from 'vitest'
import { EVENT_TYPES } from '../../../packages/fastify/src/events/event.ts'
import { TEXTS } from '../src/texts.ts'

test('every kind of event has a name in both languages, and can be chosen', () => {
  expect(Object.keys(TEXTS.eventTypes).sort()).toEqual([...EVENT_TYPES].sort())
})

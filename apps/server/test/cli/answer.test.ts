import { expect, test } from 'vitest'
import { bodyOf } from '../../src/cli/answer.ts'

test.each([200, 204, 299])('an answer %i of the service is its body, and an empty one no body', (status) => {
  expect(bodyOf({ status, body: { revoked: 1 } })).toEqual({ revoked: 1 })
  expect(bodyOf({ status, body: null })).toEqual({})
})

test.each([
  [404, { title: 'not found', code: 'not_found', detail: 'no such user', requestId: 'r1' }, 'no such user'],
  [199, { title: 'odd', code: 'x' }, 'odd'],
  [300, { code: 'x' }, 'the service failed'],
  [503, { title: 'away', requestId: 'r1' }, 'away (requestId r1 in the log of the service)'],
  [500, { title: 'failed', detail: 'why' }, 'why'],
  [500, { title: 'failed', requestId: 'r1' }, 'failed (requestId r1 in the log of the service)'],
  [500, null, 'the service failed'],
  [502, 'a page of a proxy', 'the service failed'],
])('an answer %i of %j is a refusal that says: %s', (status, body, message) => {
  const code = (body as { code?: string } | null)?.code ?? 'internal'
  expect(() => bodyOf({ status, body })).toThrow(expect.objectContaining({ message, status, code }))
})

import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { ApiError } from '../src/api-error.ts'
import { guardStore, reasonOf } from '../src/store-failure.ts'

it('a failing store is store_unavailable, and nothing of the driver but its message is kept', async () => {
  const driverError = Object.assign(new Error('connection lost'), { command: { name: 'auth', args: ['password'] } })
  const guarded = guardStore('the store')
  for (const method of [
    guarded(() => {
      throw driverError
    }),
    guarded(async () => {
      throw driverError
    }),
  ]) {
    const error = await method().catch((error: unknown) => error as ApiError)
    expect(error).toMatchObject({ code: 'store_unavailable', message: 'the store failed: connection lost' })
    expect(error).toMatchObject({ retryAfterSeconds: 1 })
    expect(error).not.toHaveProperty('cause')
  }
})

it('refused data is internal, because trying again does not help', async () => {
  const guarded = guardStore('the store', (error) => (error instanceof RangeError ? 'duplicate key' : null))
  const error = await guarded(() => Promise.reject(new RangeError('canary in a row')))().catch((error) => error)
  expect(error).toMatchObject({ code: 'internal', message: 'the store refused the data: duplicate key' })
  expect(inspect(error, { showHidden: true })).not.toContain('canary')
})

it('an ApiError passes a store as it is', async () => {
  const refusal = new ApiError('session_revoked', 'ended')
  const guarded = guardStore('the store')
  await expect(guarded(() => Promise.reject(refusal))()).rejects.toBe(refusal)
})

it('the reason is the innermost message, the code where there is no message, and the text of what is no error', () => {
  expect(reasonOf(new Error('outer', { cause: new Error('inner') }))).toBe('inner')
  expect(reasonOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED')
  expect(reasonOf(new TypeError(''))).toBe('TypeError')
  expect(reasonOf('text')).toBe('text')
})

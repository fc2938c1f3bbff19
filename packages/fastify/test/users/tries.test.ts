import { expect, it, vi } from 'vitest'
import { ChangedMeanwhileError, withTries } from '../../src/users/tries.ts'

const sqlError = (code: string) => Object.assign(new Error('refused by the database'), { code })

it.each([
  ['a row was changed meanwhile', new ChangedMeanwhileError('changed')],
  ['a row with its key is there', sqlError('23505')],
  ['another transaction was in its way', sqlError('40001')],
])('work that fails because %s is done again, three times in all, and then its error is thrown', async (_, error) => {
  const work = vi.fn(async () => {
    throw error
  })
  await expect(withTries(3, work)).rejects.toBe(error)
  expect(work).toHaveBeenCalledTimes(3)
})

it('work is done again until it succeeds, and not when trying again does not help', async () => {
  const work = vi.fn(async () => 'done').mockRejectedValueOnce(sqlError('40001'))
  expect(await withTries(3, work)).toBe('done')
  expect(work).toHaveBeenCalledTimes(2)
  const outage = sqlError('57P01')
  const failing = vi.fn(() => Promise.reject(outage))
  await expect(withTries(3, failing)).rejects.toBe(outage)
  expect(failing).toHaveBeenCalledTimes(1)
})

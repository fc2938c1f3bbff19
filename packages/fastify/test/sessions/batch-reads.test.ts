import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { batchReads } from '../../src/sessions/batch-reads.ts'

function open() {
  const batches: string[][] = []
  let failure: Error | null = null
  const read = batchReads(async (keys: string[]) => {
    batches.push(keys)
    if (failure) throw failure
    return keys.map((key) => `value of ${key}`)
  })
  return {
    batches,
    read,
    fail: (error: Error | null) => {
      failure = error
    },
  }
}

describe('reads in batches', () => {
  it('all keys asked for in one turn of the event loop are one question, and each caller gets its value', async () => {
    const { read, batches } = open()
    const values = await Promise.all(['a', 'b', 'a'].map(read))
    expect(values).toEqual(['value of a', 'value of b', 'value of a'])
    expect(batches).toEqual([['a', 'b', 'a']])
  })

  it('a batch waits for the promises of its turn, and not for the answers to an earlier batch', async () => {
    const { read, batches } = open()
    const early = read('a')
    await Promise.resolve()
    const late = read('b')
    await setImmediate()
    const next = read('c')
    expect(await Promise.all([early, late, next])).toEqual(['value of a', 'value of b', 'value of c'])
    expect(batches).toEqual([['a', 'b'], ['c']])
  })

  it('a batch that fails rejects for each of its callers, and for no later caller', async () => {
    const { read, fail } = open()
    fail(new Error('gone'))
    const results = await Promise.allSettled(['a', 'b'].map(read))
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    fail(null)
    expect(await read('c')).toBe('value of c')
  })
})

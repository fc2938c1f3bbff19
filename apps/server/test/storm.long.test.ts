import { expect, test } from 'vitest'
import { findFaults, runStorm } from '../bench/storm.ts'
import { isAvailable } from './service.ts'

// `npm run bench -- storm` does it with 10 000.
test.skipIf(!isAvailable('shared'))(
  'Redis emptied under phones with the real client: every request settles, one exchange for each, and all are back',
  { timeout: 120_000 },
  async () => {
    // Longer than the service believes in a session without asking Redis.
    const foreign = { everyMs: 500, times: 4, countingMs: 0 }
    const storm = await runStorm({ phones: 150, periodMs: 2_500, foreign, progress: () => {} })
    expect(findFaults(storm)).toEqual([])
    expect(storm.requests).toBeGreaterThanOrEqual(150)
    // A gateway's 401 has no other outcome than `unauthorized`, and nobody signs in because of it: see findFaults.
    expect(storm.foreign).toMatchObject({ polls: 600, exchanges: 0, surprises: {} })
    expect(storm.foreign.questions).toBeGreaterThanOrEqual(150)
  },
)

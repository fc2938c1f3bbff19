import { expect, test } from 'vitest'
import { findFaults, runStorm } from '../bench/storm.ts'
import { isAvailable } from './service.ts'

// `npm run bench -- storm` does it with 10 000.
test.skipIf(!isAvailable('shared'))(
  'Redis emptied under phones with the real client: every request settles, one exchange for each, and all are back',
  { timeout: 120_000 },
  async () => {
    // Longer than the service believes in a session without asking Redis.
    const storm = await runStorm({ phones: 150, periodMs: 2_500, progress: () => {} })
    expect(findFaults(storm)).toEqual([])
    expect(storm.requests).toBeGreaterThanOrEqual(150)
  },
)

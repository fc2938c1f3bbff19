import { describe, test } from 'vitest'
import { refusedWithin, startTwoProcesses } from './revocation.ts'
import { isAvailable } from './service.ts'

// Where the message is lost, or cannot be heard: `revocation.long.test.ts`.
describe.skipIf(!isAvailable('shared'))('a session that one process has ended is refused by another', () => {
  test('as soon as the message arrives, however large SESSION_CACHE_MS is', async () => {
    const { verify, revoke } = await startTwoProcesses({ cacheMs: 60_000 })
    await revoke()
    await refusedWithin(500, verify)
  })
})

import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages,apps}/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
    globalSetup: ['scripts/servers/global-setup.ts'],
    // miniprogram-simulate needs `forks` or `threads`; a fork also has its own event loop to block.
    pool: 'forks',
    // Most files wait for processes and timers, so one worker more than there are cores keeps them busy.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default'],
  },
})

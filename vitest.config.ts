import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages,apps}/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
    globalSetup: ['scripts/servers/global-setup.ts'],
    // miniprogram-simulate needs `forks` or `threads`; threads start faster.
    pool: 'threads',
    // Most files wait for processes and timers, so more workers than cores keep the cores busy.
    maxWorkers: 2 * availableParallelism(),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A wait ends when what it waits for is there; the limit is for a machine that is busy with something else.
    expect: { poll: { timeout: 15_000 } },
    reporters: ['default'],
  },
})

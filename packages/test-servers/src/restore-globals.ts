import { afterEach, vi } from 'vitest'

// Test files share the process and its modules. A module that is imported between two tests keeps the timers that it finds then.
afterEach(() => {
  vi.unstubAllGlobals()
})

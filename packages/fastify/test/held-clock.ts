import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished, vi } from 'vitest'

export interface HeldClock {
  advance(ms: number): Promise<void>
  /** Waits without moving the clock, for what travels over a socket. */
  until(isTrue: () => boolean): Promise<void>
}

/**
 * Until the test ends, timers and deadlines follow a clock that only the test moves, so that the five seconds which a call to
 * WeChat may take are over at once. Sockets, `node:timers/promises` and the emulator's own clock stay real.
 */
export function holdClock(): HeldClock {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => {
    // Test files share the modules of `src`. Their timers must not wait for a clock that nobody moves any more.
    vi.runAllTimers()
    vi.useRealTimers()
  })
  return {
    advance: async (ms) => void (await vi.advanceTimersByTimeAsync(ms)),
    async until(isTrue) {
      while (!isTrue()) await sleep(1)
    },
  }
}

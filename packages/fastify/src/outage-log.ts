import type { ProblemCode } from '@weapp-auth/shared'

/**
 * Limits the log to one line a second for each problem code. While a store is away, every request that needs it fails in
 * the same way, and a line for each of them would fill the disk.
 */
export interface OutageLog {
  /** Writes a line that comes once, such as "is away": now, or when the second is over. Of several that wait, the latest. */
  tell(code: ProblemCode, say: () => void): void
  /**
   * Writes a line that comes with every failed request: now or not at all. `counted.sinceLastLine` is how many were left out
   * since the line before.
   */
  repeat(code: ProblemCode, say: (counted: { sinceLastLine?: number }) => void): void
}

const INTERVAL_MS = 1_000

interface Line {
  freeAtMs: number
  unsaid: number
  /** What is said when the line is free. */
  next: (() => void) | null
}

/** An {@link OutageLog} with one line a second for each code. */
export function createOutageLog(): OutageLog {
  const lines = new Map<ProblemCode, Line>()

  function lineOf(code: ProblemCode): Line {
    const line = lines.get(code) ?? { freeAtMs: 0, unsaid: 0, next: null }
    lines.set(code, line)
    return line
  }

  function take(line: Line): void {
    line.freeAtMs = performance.now() + INTERVAL_MS
  }

  return {
    tell(code, say) {
      const line = lineOf(code)
      const waitMs = line.freeAtMs - performance.now()
      if (waitMs <= 0) {
        take(line)
        say()
        return
      }
      if (!line.next) {
        const sayNext = () => {
          take(line)
          line.next?.()
          line.next = null
        }
        setTimeout(sayNext, waitMs).unref()
      }
      line.next = say
    },

    repeat(code, say) {
      const line = lineOf(code)
      if (line.next || performance.now() < line.freeAtMs) {
        line.unsaid++
        return
      }
      take(line)
      say(line.unsaid > 0 ? { sinceLastLine: line.unsaid } : {})
      line.unsaid = 0
    },
  }
}

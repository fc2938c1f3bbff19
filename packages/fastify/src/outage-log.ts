import type { ProblemCode } from '@weapp-auth/shared'

/**
 * While something is away, whatever is asked of it fails in the same way, and all that is said of it fits into one line a
 * second. Those who speak of the same problem share its line.
 */
export interface OutageLog {
  /** For what is said once: now, or when the second is over. Of several that wait, the latest is said. */
  tell(code: ProblemCode, say: () => void): void
  /** For what is said again and again: now or not at all. `counted` says how often it was not, since the line before. */
  repeat(code: ProblemCode, say: (counted: { sinceLastLine?: number }) => void): void
}

const INTERVAL_MS = 1_000

interface Line {
  freeAtMs: number
  unsaid: number
  /** What is said when the line is free. */
  next: (() => void) | null
}

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

import type { Output } from './terminal.ts'

const EVERY_MS = 200

/** A line that is written over itself while a command works. When the output is no terminal, it is not written at all. */
export interface Progress {
  /** Shows the line, unless one was shown a moment ago. `line` is called only when it is shown. */
  show(line: () => string): void
  /** Removes the line. */
  end(): void
}

/** @param output usually stderr, so that what the command prints can go into a file */
export function createProgress(output: Output, now = () => performance.now()): Progress {
  let shownAtMs = Number.NEGATIVE_INFINITY
  let width = 0
  return {
    show(line) {
      if (!output.isTTY || now() - shownAtMs < EVERY_MS) return
      shownAtMs = now()
      const text = line()
      output.write(`\r${text.padEnd(width)}`)
      width = text.length
    },
    end() {
      if (width > 0) output.write(`\r${' '.repeat(width)}\r`)
      width = 0
    },
  }
}

import type { Language, Say } from '../language.ts'

/** Where a command reads from and writes to: the process, or a test. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>
  /** What was asked for. */
  stdout: Output
  /** Everything else: progress, warnings, errors. */
  stderr: Output
}

/** A stream of which a command needs no more than this. */
export interface Output {
  write(text: string): unknown
  /** Whether a person looks at it: then a line of progress may be written over itself. */
  isTTY?: boolean
}

/** What each command is given. */
export interface Command extends Terminal {
  language: Language
  say: Say
}

/** The command was asked for something that does not exist or makes no sense. Exit code 2. */
export class WrongUseError extends Error {
  override readonly name = 'WrongUseError'
}

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, wrongUse: 2 } as const

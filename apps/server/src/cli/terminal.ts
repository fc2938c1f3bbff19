import type { Language, Say } from '../language.ts'

/** Where a command reads from and writes to: the process, or a test. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>
  /** Gets what was asked for. */
  stdout: Output
  /** Gets everything else: progress, warnings, errors. */
  stderr: Output
}

/** The part of a stream that a command needs. */
export interface Output {
  write(text: string): unknown
  /** Whether it is a terminal, on which a line of progress may be written over itself. */
  isTTY?: boolean
}

/** What each command is given. */
export interface Command extends Terminal {
  language: Language
  say: Say
}

/** Makes a function that prints a warning on standard error. The command goes on. */
export function createWarn({ stderr }: Pick<Terminal, 'stderr'>): (message: string) => void {
  return (message) => void stderr.write(`weapp-auth: ${message}\n`)
}

/** The command was asked for something that does not exist or makes no sense. Exit code 2. */
export class WrongUseError extends Error {
  override readonly name = 'WrongUseError'
}

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, wrongUse: 2 } as const

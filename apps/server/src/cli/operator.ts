import { userInfo } from 'node:os'

/** Who uses the command line, as events name that person: `operator:` and the name of the user at the operating system. */
export function operator(): `operator:${string}` {
  return `operator:${operatorName()}`
}

/** The name alone, in characters that may stand in a header. */
export function operatorName(): string {
  return (
    readName()
      .replaceAll(/[^\w.@-]/g, '-')
      .slice(0, 64) || 'unknown'
  )
}

function readName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that has no name.
    return String(process.getuid?.() ?? '')
  }
}

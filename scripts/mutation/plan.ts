// What a run of vitest is told to do with the changes, and what it answers. A test is named by its file, suites and name.

/** What {@link file://./replay.ts} does. */
export type Plan =
  | { step: 'cover'; tests: string[] }
  | {
      step: 'replay'
      changes: {
        id: string
        /** Runs while the module is imported: the module is imported anew. */
        isAtImport: boolean
        /** Test files, in this order, and which of their tests to run. */
        files: string[]
        tests: string[]
      }[]
    }

/** Which changes are in the code that tests run. */
export interface Coverage {
  /** Changes in code that runs when a module is imported. */
  atImport: string[]
  /** The changes in what a test runs, by the test. */
  tests: Record<string, string[]>
  /** Tests that fail without any change. They say nothing about a change. */
  failed: string[]
}

/** By the ids of the changes. */
export type Outcomes = Record<string, 'noticed' | 'survived'>

/** One change, and what is run on it. */
export type Trial = Extract<Plan, { step: 'replay' }>['changes'][number]

/**
 * How many test files a change has met after each round. Most changes are noticed by the first, and each file has to be imported
 * anew for a change.
 */
const FILES_AFTER_ROUND = [2, 8, Number.POSITIVE_INFINITY]

/**
 * Which tests to run for each change. The first round has the test files that run its code most often, each further round the next
 * ones. Changes that no test file of this round runs are left out.
 *
 * @param round counts from 0
 */
export function planReplay(ids: readonly string[], { atImport, tests }: Coverage, round: number): Trial[] {
  const byChange = new Map<string, string[]>()
  for (const [test, covered] of Object.entries(tests)) {
    for (const id of covered) byChange.set(id, [...(byChange.get(id) ?? []), test])
  }
  const isAtImport = new Set(atImport)
  const all = Object.keys(tests)
  const changes = ids.flatMap((id) => {
    const running = byChange.get(id) ?? (isAtImport.has(id) ? all : [])
    const files = filesOf(running).slice(FILES_AFTER_ROUND[round - 1] ?? 0, FILES_AFTER_ROUND[round] ?? 0)
    if (files.length === 0) return []
    return { id, isAtImport: !byChange.has(id), files, tests: running.filter((test) => files.includes(fileOf(test))) }
  })
  // Last: they leave changed modules behind.
  return changes.sort((a, b) => Number(a.isAtImport) - Number(b.isAtImport))
}

function filesOf(tests: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const test of tests) counts.set(fileOf(test), (counts.get(fileOf(test)) ?? 0) + 1)
  return [...counts.keys()].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0))
}

function fileOf(test: string): string {
  return test.split(' > ')[0] ?? ''
}

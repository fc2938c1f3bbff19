// What a run of vitest is told to do with the changes, and what it answers. A test is named by its file, suites and name.

/** What {@link file://./replay.ts} does. */
export type Plan = { step: 'cover'; tests: string[] } | ReplayPlan

/** Makes changes. */
export type ReplayPlan =
  | { step: 'replay'; tests: TestPlan; timeoutsMs: Record<string, number> }
  /** For changes of code that runs while a module is imported: all tests of the files, with modules imported anew. */
  | { step: 'import'; changes: string[]; files: string[] }

/** The changes that each test is run with, by the test. */
export type TestPlan = Record<string, string[]>

/** Which changes are in the code that tests run. */
export interface Coverage {
  /** Changes in code that runs when a module is imported. */
  atImport: string[]
  /** The changes in what a test runs, by the test. */
  tests: Record<string, string[]>
  /** How long each test took. */
  tookMs: Record<string, number>
  /** Tests that fail without any change. They say nothing about a change. */
  failed: string[]
}

/** By the ids of the changes. */
export type Outcomes = Record<string, 'noticed' | 'survived'>

/** What the changes have led to. */
export interface Replayed {
  outcomes: Outcomes
  /** Tests that fail without a change when they have run before. What they noticed does not count. */
  failed: string[]
  /** False while it runs, and for ever where it was killed. */
  isDone: boolean
}

/** How many of the tests that run a change are its closest: those that run least other code, which are mostly the ones about it. */
const CLOSEST = 12
/** Test files that are imported anew for one change of what runs at import: those with most tests. */
const MAX_FILES = 8

/** Which tests to run with which change: its closest, or, after these, its others. */
export function planReplay(ids: readonly string[], { tests }: Coverage, which: 'closest' | 'others'): TestPlan {
  const wanted = new Set(ids)
  const bySize = Object.entries(tests).sort(([, a], [, b]) => a.length - b.length)
  const chosen: TestPlan = {}
  const counts = new Map<string, number>()
  for (const [test, changes] of bySize) {
    for (const id of changes) {
      const count = (counts.get(id) ?? 0) + 1
      counts.set(id, count)
      if (!wanted.has(id) || count <= CLOSEST !== (which === 'closest')) continue
      chosen[test] ??= []
      chosen[test].push(id)
    }
  }
  return chosen
}

/** The changes that run only while modules are imported, and the test files that are shown them. */
export function planImport(
  ids: readonly string[],
  { tests, atImport }: Coverage,
): { changes: string[]; files: string[] } {
  const inTests = new Set(Object.values(tests).flat())
  const wanted = new Set(ids)
  const byFile = Map.groupBy(Object.keys(tests), fileOf)
  const files = [...byFile].sort(([, a], [, b]) => b.length - a.length).map(([file]) => file)
  return { changes: atImport.filter((id) => wanted.has(id) && !inTests.has(id)), files: files.slice(0, MAX_FILES) }
}

/** How long a test may take with a change, by the file: a change that makes it wait for ever shall not take longer than need be. */
export function planTimeouts({ tookMs }: Coverage): Record<string, number> {
  const timeoutsMs: Record<string, number> = {}
  for (const [test, ms] of Object.entries(tookMs)) {
    const file = fileOf(test)
    timeoutsMs[file] = Math.max(timeoutsMs[file] ?? 0, Math.min(15_000, 3_000 + 3 * Math.ceil(ms)))
  }
  return timeoutsMs
}

/** The file of a test. */
export function fileOf(test: string): string {
  return test.split(' > ')[0] ?? ''
}

// What a run of vitest is told to do with the changes, and what it answers. A test is named by its file, suites and name.

/** What {@link file://./replay.ts} does. */
export type Plan = { step: 'cover'; tests: string[] } | ReplayPlan

/** Makes changes. */
export type ReplayPlan =
  | { step: 'replay'; tests: TestPlan; timeoutsMs: Record<string, number>; hits: Record<string, number> }
  /**
   * For changes of code that runs while a module is imported: all tests of some files, by the change, with modules imported anew.
   * `failed`: the tests that fail without a change, for one change alone in its process; without it they run without one first.
   */
  | { step: 'import'; changes: Record<string, string[]>; failed?: string[] }

/** The changes that each test is run with, by the test. */
export type TestPlan = Record<string, string[]>

/** Which changes are in the code that tests run. */
export interface Coverage {
  /** By the test file: the changes in code that runs while its modules are imported, its tests are collected or its hooks run. */
  outside: Record<string, string[]>
  /** The changes in what a test runs, by the test. */
  tests: Record<string, string[]>
  /** How often one test ran the code of each change, at most. */
  hits: Record<string, number>
  /** How long each test took. */
  tookMs: Record<string, number>
  /** Tests that fail without any change, alone or when they run again. They say nothing about a change. */
  failed: string[]
}

/** By the ids of the changes. */
export type Outcomes = Record<string, 'noticed' | 'survived'>

/** What the changes have led to. */
export interface Replayed {
  outcomes: Outcomes
  /** Tests that fail without a change. */
  failed: string[]
  /** The tests that have run with all of their changes. */
  finished: string[]
  /** The change that was made last, if any. What it has begun may still go on after its test. */
  last: string | null
  /** What another process has to try: a change has left a file in a state in which its tests fail without it. */
  left: TestPlan
  /** False while it runs, and for ever where it was killed. */
  isDone: boolean
}

/** How many of the tests that run a change are its closest. */
const CLOSEST = 12
/** How long the others that are shown it too may take together, the next closest first, unless all of them are asked for. */
const OTHERS_MS = 3_000
/** Test files that are imported anew for one change of what runs at import. */
const MAX_FILES = 4

/**
 * Which tests to run with which change: its closest, or, after these, its others. Closest are tests that run much of its source, and
 * little else: others only make what the source has, and go on elsewhere. Files of quick tests come first, so that slow ones run only
 * with what these did not notice.
 *
 * @param sourceOf the file of a change
 */
export function planReplay(
  ids: readonly string[],
  { tests, tookMs }: Coverage,
  which: 'closest' | 'others' | 'all others',
  sourceOf: (id: string) => string | undefined,
): TestPlan {
  const wanted = new Set(ids)
  const ranks = new Map<string, { test: string; rank: number }[]>()
  for (const [test, changes] of Object.entries(tests)) {
    const counts = new Map<string | undefined, number>()
    for (const id of changes) counts.set(sourceOf(id), (counts.get(sourceOf(id)) ?? 0) + 1)
    for (const id of changes) {
      if (!wanted.has(id)) continue
      const rank = (counts.get(sourceOf(id)) ?? 0) ** 2 / changes.length
      const ranked = ranks.get(id) ?? []
      ranked.push({ test, rank })
      ranks.set(id, ranked)
    }
  }
  const chosen: TestPlan = {}
  for (const [id, ranked] of ranks) {
    ranked.sort((a, b) => b.rank - a.rank)
    let leftMs = which === 'all others' ? Number.POSITIVE_INFINITY : OTHERS_MS
    const isShown = ({ test }: { test: string }, place: number) => {
      if (place < CLOSEST) return which === 'closest'
      leftMs -= tookMs[test] ?? 0
      return which !== 'closest' && leftMs >= 0
    }
    for (const { test } of ranked.filter(isShown)) {
      chosen[test] ??= []
      chosen[test].push(id)
    }
  }
  const slowest = slowestByFile(tookMs)
  const msOf = (test: string) => slowest.get(fileOf(test)) ?? 0
  return Object.fromEntries(Object.entries(chosen).sort(([a], [b]) => msOf(a) - msOf(b)))
}

/**
 * The test files that are shown the changes of what runs outside of tests: the one that has run it, and those that run most changes of
 * the same source.
 *
 * @param sourceOf the file of a change
 */
export function planImport(
  ids: readonly string[],
  { tests, outside }: Coverage,
  sourceOf: (id: string) => string | undefined,
): Record<string, string[]> {
  const counts = new Map<string | undefined, Map<string, number>>()
  for (const [test, changes] of Object.entries(tests)) {
    for (const id of changes) {
      const byFile = counts.get(sourceOf(id)) ?? new Map<string, number>()
      counts.set(sourceOf(id), byFile.set(fileOf(test), (byFile.get(fileOf(test)) ?? 0) + 1))
    }
  }
  const firstFiles = Object.entries(outside).reverse()
  const first = new Map(firstFiles.flatMap(([file, changes]) => changes.map((id) => [id, file] as const)))
  const plan: Record<string, string[]> = {}
  for (const id of ids) {
    const own = first.get(id)
    if (own === undefined) continue
    const closest = [...(counts.get(sourceOf(id)) ?? [])].sort(([, a], [, b]) => b - a).map(([file]) => file)
    plan[id] = [...new Set([own, ...closest])].slice(0, MAX_FILES)
  }
  return plan
}

/** Takes the changes of what only runs at import out of the tests that were the first to import it. */
export function moveOutside({ tests, outside, ...coverage }: Coverage, isAtImport: (id: string) => boolean): Coverage {
  const moved = { ...outside }
  const kept: TestPlan = {}
  for (const [test, changes] of Object.entries(tests)) {
    kept[test] = changes.filter((id) => !isAtImport(id))
    moved[fileOf(test)] = [...(moved[fileOf(test)] ?? []), ...changes.filter(isAtImport)]
  }
  return { ...coverage, tests: kept, outside: moved }
}

/** How long a test may take with a change, by the file: a change that makes it wait for ever shall not take longer than need be. */
export function planTimeouts({ tookMs }: Coverage): Record<string, number> {
  const all = [...slowestByFile(tookMs)]
  return Object.fromEntries(all.map(([file, ms]) => [file, Math.min(15_000, 3_000 + 3 * Math.ceil(ms))]))
}

function slowestByFile(tookMs: Record<string, number>): Map<string, number> {
  const slowest = new Map<string, number>()
  for (const [test, ms] of Object.entries(tookMs)) {
    slowest.set(fileOf(test), Math.max(slowest.get(fileOf(test)) ?? 0, ms))
  }
  return slowest
}

/** What is left of a plan after a process that has ended too early. */
export function planRest(tests: TestPlan, { finished, outcomes, left }: Replayed): TestPlan {
  const isOver = new Set(finished)
  const rest = Object.entries({ ...tests, ...left }).filter(([test]) => !isOver.has(test))
  return Object.fromEntries(
    rest
      .map(([test, ids]) => [test, ids.filter((id) => outcomes[id] !== 'noticed')] as const)
      .filter(([, ids]) => ids.length > 0),
  )
}

/** The file of a test. */
export function fileOf(test: string): string {
  return test.split(' > ')[0] ?? ''
}

// Runs inside vitest, as its only test file. Imports test files and runs each test again and again, once for each change of the code, in
// one worker, so that no change costs a process, a server or an import.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, type RunnerTestSuite, test, vi } from 'vitest'
import { type Coverage, fileOf, type Plan, type Replayed, type TestPlan } from './plan.ts'

/** What the instrumented code asks. */
interface Switches {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number
  hitLimit?: number
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> }
}

interface Task {
  name: string
  suite?: Task | undefined
}

/** Where a test is with its changes. */
interface TestState {
  /** A change with which it has failed. It counts when the test passes without it, before and after. */
  doubt?: string
  /** Whether the run before the one of `doubt` was without a change. */
  wasClean: boolean
  /** Whether its last run was without a change, and passed. */
  isClean: boolean
}

/** A change has made a loop without an end when its code runs so often, and so many times more often than without it. */
const HIT_LIMIT = 2_000
const HIT_FACTOR = 20

const { WEAPP_AUTH_PLAN = '', WEAPP_AUTH_PLAN_RESULT = '' } = process.env
const plan = JSON.parse(readFileSync(WEAPP_AUTH_PLAN, 'utf8')) as Plan
const global = globalThis as { __stryker__?: Switches }
global.__stryker__ ??= {}
const switches = global.__stryker__

/** Also read while this runs, so never half written. */
function save(result: Coverage | Replayed): void {
  writeFileSync(`${WEAPP_AUTH_PLAN_RESULT}.new`, JSON.stringify(result))
  renameSync(`${WEAPP_AUTH_PLAN_RESULT}.new`, WEAPP_AUTH_PLAN_RESULT)
}

const replayed: Replayed = { outcomes: {}, failed: [], finished: [], last: null, left: {}, isDone: false }

if (plan.step === 'cover') {
  cover(plan.tests)
} else {
  if (plan.step === 'replay') replay(plan)
  else importAnew(plan)
  afterAll(() => save({ ...replayed, isDone: true }))
}

/** Runs each test twice, since it will run again and again, and notes which changes are in the code that it runs. */
function cover(files: readonly string[]): void {
  const failed = new Set<string>()
  const tookMs: Record<string, number> = {}
  for (const file of files) {
    describe(file, async () => {
      beforeAll(() => {
        switches.currentTestId = file
      })
      chooseTests(() => 1)
      beforeEach(({ task, onTestFinished }) => {
        const id = idOf(task)
        const beganMs = performance.now()
        switches.currentTestId = id
        onTestFinished(() => {
          tookMs[id] = Math.max(tookMs[id] ?? 0, performance.now() - beganMs)
          switches.currentTestId = file
          if (task.result?.state === 'fail') failed.add(id)
        })
      })
      switches.currentTestId = file
      await import(/* @vite-ignore */ `${file}?cover`)
    })
  }
  afterAll(() => {
    const { perTest = {} } = switches.mutantCoverage ?? {}
    const hits: Record<string, number> = {}
    for (const [id, count] of Object.values(perTest).flatMap((counts) => Object.entries(counts))) {
      hits[id] = Math.max(hits[id] ?? 0, count)
    }
    const all = Object.entries(perTest).map(([id, hits]) => [id, Object.keys(hits)] as const)
    const isFile = new Set(files)
    save({
      outside: Object.fromEntries(all.filter(([id]) => isFile.has(id))),
      tests: Object.fromEntries(all.filter(([id]) => !isFile.has(id) && !failed.has(id))),
      hits,
      tookMs,
      failed: [...failed],
    })
  })
}

const states = new Map<string, TestState>()
/** Whether a change was made in this process, in whatever file, so that what fails now may fail because of it. */
let isTouched = false
/** Files whose tests fail without a change, after one that was made: all that they say from then on is worth nothing. */
const spoiled = new Set<string>()

/**
 * Runs each test with each of its changes that no test has noticed yet: without a change first, and again after each failure. Where it
 * fails without a change, the last change has left something behind, and the rest of the file is left to another process.
 */
function replay({ tests, timeoutsMs }: Extract<Plan, { step: 'replay' }>): void {
  for (const file of new Set(Object.keys(tests).map(fileOf))) {
    describe(file, { timeout: timeoutsMs[file] }, async () => {
      // Once more after each change, once before them, and once to see that there are no more.
      chooseTests((test) => tests[test] && 2 * tests[test].length + 1)
      beforeEach(({ task, onTestFinished, skip }) => {
        // Vitest would send all errors again with each one more.
        Object.assign(task.result ?? {}, { errors: undefined, attempts: [] })
        const test = idOf(task)
        const change = takeChange(test, tests)
        if (change === undefined) return skip()
        switchTo(change)
        onTestFinished(() => {
          judge(test, change, task.result?.state === 'fail', tests)
          switchTo(null)
        })
      })
      afterAll(() => {
        if (!spoiled.has(file)) return
        for (const [test, ids] of Object.entries(tests)) {
          if (fileOf(test) === file && ids.length > 0) replayed.left[test] = ids
        }
      })
      await import(/* @vite-ignore */ `${file}?replay`)
    })
  }
}

/** Lets each test of the file run once and `repeatsOf` times more, one after the other. Those without a number do not run. */
function chooseTests(repeatsOf: (test: string) => number | undefined): void {
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures from it, and takes nothing else as the first parameter
  beforeAll(({}, suite) => chooseIn(suite as RunnerTestSuite, repeatsOf))
}

function chooseIn(suite: RunnerTestSuite, repeatsOf: (test: string) => number | undefined): void {
  for (const task of suite.tasks) {
    Object.assign(task, { concurrent: false })
    if (task.type === 'suite') {
      chooseIn(task, repeatsOf)
      continue
    }
    const repeats = repeatsOf(idOf(task))
    if (repeats === undefined) task.mode = 'skip'
    else task.repeats = repeats
  }
  if (suite.tasks.every(({ mode }) => mode === 'skip')) suite.mode = 'skip'
}

/** The next change of a test, null for a run without one; undefined when there are no more. */
function takeChange(test: string, tests: TestPlan): string | null | undefined {
  if (spoiled.has(fileOf(test))) return undefined
  const state = states.get(test)
  const changes = tests[test] ?? []
  while (changes[0] !== undefined && replayed.outcomes[changes[0]] === 'noticed') changes.shift()
  if (state ? state.doubt !== undefined : changes.length > 0) return null
  const id = changes.shift()
  if (id === undefined) replayed.finished.push(test)
  return id
}

/** @param id null without a change */
function judge(test: string, id: string | null, hasFailed: boolean, tests: TestPlan): void {
  const file = fileOf(test)
  const state = states.get(test) ?? { wasClean: false, isClean: false }
  states.set(test, state)
  const { doubt } = state
  if (id !== null) {
    isTouched = true
    replayed.outcomes[id] ??= 'survived'
    if (hasFailed) Object.assign(state, { doubt: id, wasClean: state.isClean })
    state.isClean = false
  } else if (!hasFailed) {
    if (doubt !== undefined) replayed.outcomes[doubt] = 'noticed'
    delete state.doubt
    state.isClean = true
  } else if (isTouched) {
    spoiled.add(file)
    // It passed just before the change, or it is the turn of the change in another process, where it comes first.
    if (doubt !== undefined && state.wasClean) replayed.outcomes[doubt] = 'noticed'
    else if (doubt !== undefined) tests[test]?.unshift(doubt)
  } else {
    replayed.failed.push(test)
    tests[test]?.splice(0)
  }
}

function switchTo(id: string | null): void {
  replayed.last = id ?? replayed.last
  save(replayed)
  const hits = plan.step === 'replay' && id !== null ? (plan.hits[id] ?? 0) : 0
  Object.assign(switches, { activeMutant: id ?? undefined, hitCount: 0, hitLimit: HIT_LIMIT + HIT_FACTOR * hits })
}

/**
 * Imports the test files once for each change, and runs their tests until one fails. Unless the plan says which tests fail without a
 * change, they run without one first.
 */
function importAnew({ changes, failed }: Extract<Plan, { step: 'import' }>): void {
  const all = [...new Set(Object.values(changes).flat())]
  replayed.failed.push(...(failed ?? []))
  const clean = failed ? [] : [['', all] as const]
  for (const [id, files] of [...clean, ...Object.entries(changes)]) {
    describe(`change ${id}`, () => {
      beforeAll(() => switchTo(id || null))
      beforeEach(({ task, onTestFailed, skip }) => {
        const test = idOf(task)
        if (id === '') return onTestFailed(() => void replayed.failed.push(test))
        replayed.outcomes[id] ??= 'survived'
        if (replayed.outcomes[id] === 'noticed' || replayed.failed.includes(test)) return skip()
        onTestFailed(() => {
          replayed.outcomes[id] = 'noticed'
        })
      })
      for (const file of files) {
        describe(file, async () => {
          // A plan with `failed` has one change, and its process has imported nothing before.
          if (!failed) vi.resetModules()
          switches.activeMutant = id || undefined
          try {
            await import(/* @vite-ignore */ `${file}?change=${id}`)
          } catch {
            // The changed code cannot even be imported. A suite must hold a test.
            if (id !== '') replayed.outcomes[id] = 'noticed'
            test('import', () => {})
          } finally {
            switches.activeMutant = undefined
          }
        })
      }
      afterAll(() => switchTo(null))
    })
  }
}

/** The file of a test, its suites and its name. */
function idOf(task: Task): string {
  const names = []
  for (let at: Task | undefined = task; at; at = at.suite) names.unshift(at.name)
  return names.slice(names.findIndex((name) => name.startsWith('/'))).join(' > ')
}
